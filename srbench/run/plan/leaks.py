"""Test images among the training images: said before training, and beside every score."""

from __future__ import annotations

from collections.abc import Callable

from srbench.errors import DataError
from srbench.imaging import name_below, some_names
from srbench.run.plan.inputs import Inputs
from srbench.settings import Data

MAX_COMPARED = 5000
"""Training images that copies are looked for among: each is decoded for that."""


def find_leaks(
    data: Data, inputs: Inputs, *, near: bool, strict: bool, say: Callable[[str], None]
) -> None:
    """Compare the test sets with all images of the training set, the held-out ones included.

    Args:
        data: the suite's data section.
        inputs: what was found is noted here, as a warning, or as a problem where ``strict``.
        near: look for copies and crops too, which takes a while the first time.
        strict: refuse what ``data.allow_overlap`` does not name.
        say: is told what takes a while.
    """
    from srbench.data import known_copies, overlap

    train = inputs.train_set
    if train is None or inputs.test_sets.keys() != set(data.test):
        return  # said already: a problem of these inputs
    tests = inputs.test_sets
    try:
        if near and len(train) > MAX_COMPARED:
            say(f"no copies of test images are looked for in {len(train)} training images")
            near = False
        found = {
            name: overlap(train, test, near=near or known_copies(train, test))
            for name, test in tests.items()
        }
    except DataError:
        return  # said already: a problem of these inputs
    for name, leaks in found.items():
        if not leaks:
            continue
        test, paths = tests[name], {leak.test for leak in leaks}
        inputs.leaks[name] = tuple(
            image
            for image, file in zip(test.names, test.files, strict=True)
            if name_below(test.root, file) in paths
        )
        pairs = some_names([f"{o.test} ({o.kind} {o.train})" for o in leaks], most=3)
        what = (
            f"{len(leaks)} of the {len(tests[name])} images of the test set {name!r} are also "
            f"trained on (overlap): {pairs}"
        )
        if strict and name not in data.allow_overlap:
            inputs.problems.append(
                DataError(what, f"allow it by name with data.allow_overlap = [{name!r}]")
            )
        else:
            inputs.warnings.append(f"{what}; their scores are flagged trained-on-test")
