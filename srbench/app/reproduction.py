"""Reruns one record from what it holds: its suite, seeds, versions and hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from srbench.app.execute import execute_plan, watched
from srbench.errors import JobFailed, UserError
from srbench.host import Registry
from srbench.records import DatasetScores, Record
from srbench.records.layout import OutFolder
from srbench.records.starts import start_of
from srbench.run.exec.backends import Place
from srbench.run.exec.local import local_backend
from srbench.run.plan.environment import describe_environment, device_here, device_kind
from srbench.run.plan.planning import Cell, Plan, make_plan
from srbench.settings import Suite
from srbench.settings.load import validate_suite

if TYPE_CHECKING:
    from rich.console import Console

TOLERANCE = 1e-6
"""Scores that differ by no more count as the same: the last bits of another processor."""

ALIKE = 0.02
"""How far, in parts of itself, a mean may move where two runs never give the same bits. A rule of
thumb: no table says yet how far trainings on one GPU lie apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A rerun beside its record.

    Attributes:
        generator_same: equal files; ``None`` for rows without a generator.
        largest: data set -> metric -> largest difference of one image's score.
        means: data set -> metric -> the means of both, the record's first.
        missing: scores that one of the two lacks.
        repeatable: whether the same bits can be expected on the device at all.
    """

    generator_same: bool | None
    largest: Mapping[str, Mapping[str, float]]
    means: Mapping[str, Mapping[str, tuple[float, float]]]
    missing: tuple[str, ...]
    repeatable: bool = True

    @property
    def same(self) -> bool:
        """Whether all scores agree."""
        worst = max((v for scores in self.largest.values() for v in scores.values()), default=0.0)
        return not self.missing and worst <= TOLERANCE

    @property
    def as_expected(self) -> bool:
        """The same scores; or, where no two runs agree, means that are alike."""
        pairs = [pair for metrics in self.means.values() for pair in metrics.values()]
        alike = all(abs(now - then) <= ALIKE * abs(then) for then, now in pairs)
        return self.same or (not self.repeatable and not self.missing and alike)

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "same": self.same,
            "repeatable": self.repeatable,
            "as_expected": self.as_expected,
            "generator_same": self.generator_same,
            "largest_difference": {d: dict(m) for d, m in self.largest.items()},
            "missing": list(self.missing),
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.generator_same is not None:
            said = "the same, bit for bit" if self.generator_same else "other weights"
            yield f"generator: {said}"
        for dataset, metrics in self.largest.items():
            for metric, difference in metrics.items():
                then, now = self.means[dataset][metric]
                yield (
                    f"{dataset} {metric}: mean {then:.6g} in the record, {now:.6g} here; largest "
                    f"difference of an image {difference:.3g}"
                )
        for name in self.missing:
            yield f"missing on one side: {name}"
        if self.same or not self.as_expected:
            yield "reproduced" if self.same else "not reproduced: the scores differ"
        else:
            yield f"as expected: other bits, all means within {ALIKE:.0%} of the record's"


class Reproduction:
    """One record, planned again on this machine.

    Args:
        record: a valid one.
        device: instead of the record's.

    Raises:
        UserError: its suite does not fit this version, or its loss is not installed.
    """

    def __init__(
        self,
        record: Record,
        registry: Registry,
        *,
        device: str | None,
        pull: bool,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.record = record
        self.device = device or device_kind(record.environment.gpu)
        suite = validate_suite(record.suite.document, f"the suite in record {record.key[:12]}")
        # The threads are part of the key: a suite that leaves them to the machine gets that one's.
        execution = suite.execution.model_copy(update={"threads": record.environment.threads})
        plan = make_plan(
            suite.model_copy(update={"execution": execution}),
            registry,
            device=self.device,
            only=self._only(suite),
            seeds=(record.seed,),
            starts={} if (start := start_of(record)) is None else {record.seed: start},
            pull=pull,
            say=say,
        )
        self.plan = _restricted(plan, self._cell(plan))

    def _only(self, suite: Suite) -> tuple[str, ...]:
        from srbench.settings import RESERVED_LABELS, expand_losses

        label = self.record.loss.label
        labels = [row.label for row in expand_losses(suite)]
        if label in labels:
            return (label,)
        if label in RESERVED_LABELS:
            return (labels[0],)  # reference rows come by themselves
        term = self.record.loss.terms[0]  # added with --loss, under its default parameters
        return (term.name if label == term.name else f"{term.distribution}:{term.name}",)

    def _cell(self, plan: Plan) -> Cell:
        record = self.record
        for cell in plan.cells:
            here = (cell.row.label, cell.content_scale)
            seeds = (cell.seed, record.seed)
            if here == (record.loss.label, record.content_scale) and (
                cell.training is None or seeds[0] == seeds[1]
            ):
                return cell
        raise UserError(
            f"expected the row {record.loss.label!r} in the record's own suite, found none",
            "the record was edited, or made by another version of srbench",
        )

    @property
    def repeatable(self) -> bool:
        """Whether two runs on this device give the same bits."""
        trained = self.plan.cells[0].training is not None
        deterministic = self.device == "cuda" and self.plan.suite.execution.deterministic
        return not trained or self.device == "cpu" or deterministic

    def expectation(self) -> str:
        """What may be expected of a rerun on this device, in one line."""
        if self.repeatable:
            return "the same bits on the same kind of processor, with the same versions"
        return (
            "other bits: kernels are chosen by timing and add in any order, and small differences "
            f"grow; means within {ALIKE:.0%} count as alike. Records made with "
            "execution.deterministic = true can be repeated bit for bit"
        )

    def differences(self) -> list[str]:
        """What differs here from where the record was made; empty: the same bits are expected."""
        return [*self._environment(), *self._inputs()]

    def _environment(self) -> Iterator[str]:
        was = self.record.environment
        gpu = None if self.device == "cpu" else device_here(self.device)
        now = describe_environment(threads=was.threads, gpu=gpu)
        for name in ("srbench", "git_commit", "python", "platform", "cpu", "gpu"):
            then, here = getattr(was, name), getattr(now, name)
            if then != here:
                yield f"{name}: record {then}, here {here}"
        if was.git_dirty:
            yield "the record was made from a checkout with uncommitted changes"
        for package in sorted({*was.packages, *now.packages}):
            then, here = was.packages.get(package), now.packages.get(package)
            if then != here:
                yield f"package {package}: record {then}, here {here}"

    def _inputs(self) -> Iterator[str]:
        record, inputs = self.record, self.plan.inputs
        here = {"train": inputs.train, "val": inputs.val}
        for manifest in record.data:
            now = inputs.test.get(manifest.name) if manifest.role == "test" else here[manifest.role]
            if now != manifest.sha256:
                yield f"{manifest.role} images {manifest.name}: other images, or not here"
        now_terms = {t.loss.spec.name: t.loss for t in self.plan.cells[0].row.terms}
        for term in record.loss.terms:
            loss = now_terms.get(term.name)
            if loss is not None and loss.spec.version != term.version:
                yield f"loss {term.name}: record version {term.version}, here {loss.spec.version}"
            if loss is not None and loss.version != term.distribution_version:
                yield (
                    f"distribution {term.distribution}: record {term.distribution_version}, "
                    f"here {loss.version}"
                )
        weights = {file.id: sha256 for file, sha256 in inputs.weights.items()}
        for used in record.loss.weights:
            if weights.get(used.id, used.tensors_sha256) != used.tensors_sha256:
                yield f"weights {used.id}: other tensors, or not here"
        training = self.plan.cells[0].training
        if training and record.keys.get("training", training) != training:
            yield "the key of the training: something that decides its result differs"

    def run(self, out: OutFolder, console: Console) -> Comparison:
        """Train and score the row again.

        Raises:
            JobFailed: the rerun failed; the message says why.
        """
        with watched(self.plan, out, console) as observer:
            local = local_backend(
                Place(out=out, device=self.device, threads=self.plan.threads, at_once=1)
            )
            done = execute_plan(self.plan, out, observer, local)
        if done.failed:
            raise JobFailed(f"the rerun failed: {'; '.join(done.failed)}")
        return compare(self.record, done.records[0], repeatable=self.repeatable)


def compare(record: Record, rerun: Record, *, repeatable: bool = True) -> Comparison:
    """Generators by hash, scores image by image."""
    missing, largest, means = [], {}, {}
    before, after = _scores(record), _scores(rerun)
    for where in sorted({*before, *after}):
        if where not in before or where not in after:
            missing.append(where)
            continue
        then, now = before[where].metrics, after[where].metrics
        missing += [f"{where} {metric}" for metric in sorted(set(then) ^ set(now))]
        shared = sorted(set(then) & set(now))
        means[where] = {metric: (then[metric].mean, now[metric].mean) for metric in shared}
        largest[where] = {
            metric: max(
                abs(value - now[metric].per_image.get(image, float("inf")))
                for image, value in then[metric].per_image.items()
            )
            for metric in shared
        }
    pair = [r.artifacts.get("generator") for r in (record, rerun)]
    same = None if pair[0] is None or pair[1] is None else pair[0].sha256 == pair[1].sha256
    return Comparison(
        generator_same=same, largest=largest, means=means, missing=tuple(missing),
        repeatable=repeatable,
    )  # fmt: skip


def _scores(record: Record) -> dict[str, DatasetScores]:
    """By data set, and for the points of a curve ``set5 at 0.5``."""
    points = {
        f"{dataset} at {point.coefficient:g}": scores
        for point in record.curve
        for dataset, scores in point.scores.items()
    }
    return {**record.scores, **points}


def _restricted(plan: Plan, cell: Cell) -> Plan:
    """The plan of one cell and of the jobs that it needs."""
    by_key = {job.key: job for job in plan.jobs}
    wanted: set[str] = set()
    queue = [cell.training] if cell.training else []
    while queue:
        key = queue.pop()
        wanted.add(key)
        queue.extend(by_key[key].needs)
    jobs = tuple(job for job in plan.jobs if job.key in wanted)
    return replace(plan, jobs=jobs, cells=(cell,))
