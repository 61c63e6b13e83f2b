"""Image-quality metrics as perceptual losses."""
