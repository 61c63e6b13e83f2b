"""Perceptual losses of the backbones of networks pretrained for detection."""
