"""Perceptual losses of encoders that were trained without labels, or on captions."""
