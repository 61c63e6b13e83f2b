"""The probe: what to expect of a loss, measured in seconds and without training.

:func:`probe_loss` measures one built loss, :func:`draw` compares several in a picture.
"""

from srbench.probe.measure import Probe, probe_loss
from srbench.probe.picture import draw

__all__ = ["Probe", "draw", "probe_loss"]
