"""Every Python process that has this folder on its path computes with emulated TF32."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import tf32

tf32.emulate()
