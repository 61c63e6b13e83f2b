"""What every machine of a cluster must agree on: srbench, plugins and torch, by version."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def node_versions() -> Callable[[], dict[str, str]]:
    """A function that describes the machine it runs on.

    It is made here, inside another, so that it travels to a node by value: a node without srbench,
    or with another one, can still answer.
    """

    def describe() -> dict[str, str]:
        import importlib.metadata
        import platform

        found = {"python": ".".join(platform.python_version_tuple()[:2])}
        for distribution in importlib.metadata.distributions():
            if any(point.group == "srbench" for point in distribution.entry_points):
                found[distribution.metadata["Name"]] = distribution.version
        for name in ("torch", "torchvision"):
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        try:
            from srbench.run.plan.environment import describe_environment
        except ImportError:
            return found
        here = describe_environment(threads=1, gpu=None)
        found["srbench"] = here.srbench
        if here.git_commit is not None:
            found["srbench's commit"] = here.git_commit
        return found

    return describe


def version_differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """One phrase per package that differs: ``torch 2.5.1 instead of 2.6.0``."""
    return [
        f"{name} {found.get(name, 'not installed')} instead of {expected.get(name, 'none')}"
        for name in sorted({*expected, *found})
        if expected.get(name) != found.get(name)
    ]
