"""Workers that have this folder on their path may use a part of their GPU's memory only."""

import os
import sys

if "srbench.run.work.worker" in sys.orig_argv:
    import torch

    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(int(os.environ["SRBENCH_TEST_BYTES"]) / total)
