"""What kind of row a record is of, and what follows from that."""

from __future__ import annotations

from enum import StrEnum


class RowKind(StrEnum):
    """How a row's images were made. In the order in which tables show what nobody trained."""

    BICUBIC = "bicubic"
    WARM_START = "warm-start"
    HR = "hr"
    TRAINED = "trained"

    @property
    def summary(self) -> str:
        """What the row is, in a few words; empty for trained rows, which say so themselves."""
        return _SUMMARIES[self]

    @property
    def picture_name(self) -> str:
        """What stands under its picture; empty for trained rows, which have a label."""
        return _PICTURES[self]

    @property
    def generated(self) -> bool:
        """Whether a generator made its images: each seed then has its own."""
        return self in (RowKind.WARM_START, RowKind.TRAINED)

    @property
    def has_reference_scores(self) -> bool:
        """Whether full-reference metrics say anything of it: HR is the reference."""
        return self is not RowKind.HR


_SUMMARIES = {
    RowKind.BICUBIC: "LR enlarged by MATLAB-compatible bicubic interpolation",
    RowKind.WARM_START: (
        "the generator after the pixel-loss stage, before any adversarial training"
    ),
    RowKind.HR: "the ground truth itself, for metrics without a reference",
    RowKind.TRAINED: "",
}
_PICTURES = {
    RowKind.BICUBIC: "LR, bicubic",
    RowKind.WARM_START: "warm start",
    RowKind.HR: "HR, the truth",
    RowKind.TRAINED: "",
}


def kind_of_label(label: str) -> RowKind:
    """The kind of a row by its label: of records from before they stated it.

    These labels are reserved: no loss may have one.
    """
    return next((kind for kind in RowKind if label == kind), RowKind.TRAINED)
