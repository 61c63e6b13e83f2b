"""Perceptual losses of the encoders of networks pretrained for segmentation and for edges."""
