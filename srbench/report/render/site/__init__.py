"""The static site of a leaderboard: ``publish`` writes it, from records and images alone."""

from __future__ import annotations

from srbench.report.render.site.pictures import choose_images
from srbench.report.render.site.publish import BUDGET, IMAGES, Published, publish

__all__ = ["BUDGET", "IMAGES", "Published", "choose_images", "publish"]
