"""The perceptual loss example for srbench."""
