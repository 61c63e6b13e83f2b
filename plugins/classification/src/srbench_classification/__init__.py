"""Perceptual losses of networks pretrained for ImageNet classification."""
