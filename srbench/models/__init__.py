"""Generators and the discriminator. All take and give RGB [0, 1] ``(N, 3, H, W)``."""
