"""score_images: order, errors, and the same bits under any workers."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from srbench.contract import MetricSpec
from srbench.errors import ContractError, ImageError, UnknownName, UserError
from srbench.metrics.pairs import ImagePair
from srbench.metrics.score import ScoreError, Scorer, score_images


def spec(function, name="fake", reference="full", **extra) -> MetricSpec:
    return MetricSpec(
        name=name, version=1, lower_is_better=False, reference=reference, license="MIT",
        build=lambda ctx: function, **extra,
    )  # fmt: skip


def mean_difference(sr, hr):
    return (sr - hr).abs().mean(dim=(1, 2, 3))


def image(value: int, size: tuple[int, int] = (24, 32)) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


def pairs(count: int = 6) -> list[ImagePair]:
    return [
        ImagePair(name=f"i{i}", sr=image(i * 5, (24, 20 + i)), hr=image(0, (24, 20 + i)))
        for i in range(count)
    ]


def score(*args, **kwargs):
    return score_images(*args, protocol="y4-v2", scale=4, **kwargs)


def test_scores_come_in_the_order_given_whatever_their_source(write):
    sources = [
        ImagePair(name="path", sr=write("a.png", image(51)), hr=image(0)),
        ImagePair(name="function", sr=lambda: image(102), hr=write("b.png", image(0))),
        ImagePair(name="array", sr=image(255), hr=lambda: image(0)),
    ]
    result = score(sources, [spec(mean_difference)], workers=2)
    assert list(result) == ["fake"]
    assert list(result["fake"]) == ["path", "function", "array"]
    assert list(result["fake"].values()) == pytest.approx([0.2, 0.4, 1.0], abs=1e-6)


def test_metrics_see_float_rgb_in_unit_range_and_the_context():
    seen = {}

    def build(ctx):
        seen["ctx"] = ctx

        def metric(sr, hr):
            seen.update(sr=sr, hr=hr)
            return sr.mean(dim=(1, 2, 3))

        return metric

    blind = MetricSpec(
        name="x", version=1, lower_is_better=True, reference="none", license="MIT", build=build
    )
    one = ImagePair(name="a", sr=image(255), hr=image(0))
    score_images([one], [blind], protocol="rgb4-v2", scale=3)
    assert seen["sr"].shape == (1, 3, 24, 32)
    assert seen["sr"].dtype == torch.float32
    assert seen["sr"].max() == 1.0
    assert seen["hr"] is None  # a no-reference metric must not be able to look
    assert (seen["ctx"].protocol, seen["ctx"].scale) == ("rgb4-v2", 3)


@pytest.mark.parametrize("workers", [1, 3])
def test_one_torch_thread_each_and_the_callers_setting_comes_back(workers):
    threads, before = set(), torch.get_num_threads()

    def metric(sr, hr):
        threads.add(torch.get_num_threads())
        return mean_difference(sr, hr)

    torch.set_num_threads(2)
    try:
        score(pairs(), [spec(metric)], workers=workers)
        assert threads == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def noisy(sr, hr):
    value = torch.rand(1) + float(np.random.random()) + random.random()
    return sr.mean() + value


def test_random_metrics_depend_on_the_image_alone():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    expected = score(pairs(), [spec(noisy)])
    assert torch.equal(torch.get_rng_state(), state)
    assert len(set(expected["fake"].values())) == 6
    for workers in (1, 4):
        torch.manual_seed(workers)
        again = score(pairs()[::-1], [spec(noisy), spec(noisy, "other")], workers=workers)
        assert again["fake"] == expected["fake"] == again["other"]


@pytest.mark.parametrize(("safe", "most"), [(False, 1), (True, 2)])
def test_only_metrics_that_say_so_run_at_the_same_time(safe, most):
    barrier = threading.Barrier(2)
    met = []

    def metric(sr, hr):
        try:
            barrier.wait(timeout=0.3)
            met.append(True)
        except threading.BrokenBarrierError:
            barrier.reset()
        return mean_difference(sr, hr)

    metric.thread_safe = safe
    score(pairs(2), [spec(metric)], workers=2)
    assert len(met) == (2 if most == 2 else 0)


def test_progress_is_told_in_the_callers_thread():
    calls = []
    score(
        pairs(3),
        [spec(mean_difference)],
        workers=2,
        progress=lambda done, total: calls.append((done, total, threading.get_ident())),
    )
    here = threading.get_ident()
    assert calls == [(1, 3, here), (2, 3, here), (3, 3, here)]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(torch.tensor([float("nan")]), "nan"), (torch.tensor([float("inf")]), "inf"),
     (torch.rand(2), "0."), (torch.rand(0), "none")],
)  # fmt: skip
def test_anything_but_one_finite_number_is_an_error(value, shown):
    with pytest.raises(ScoreError, match=rf"one finite fake score for 'i0', got .*{shown}"):
        score(pairs(1), [spec(lambda sr, hr: value)])


def test_a_failing_metric_is_named_with_the_image_and_stops_the_rest():
    scored = []

    def metric(sr, hr):
        scored.append(1)
        if len(scored) > 1:
            time.sleep(0.2)  # as long as a metric takes: who is told of the first has time to stop
        raise ZeroDivisionError("boom")

    with pytest.raises(ScoreError, match="fake failed on 'i49': ZeroDivisionError: boom") as caught:
        score(pairs(50), [spec(metric)])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert len(scored) < 10


def test_a_failing_factory_is_named():
    def build(ctx):
        raise KeyError("x")

    broken = MetricSpec(
        name="broken", version=1, lower_is_better=True, reference="none", license="", build=build
    )
    with pytest.raises(ContractError, match="metric 'broken' cannot be built: KeyError"):
        score(pairs(1), [broken])
    with pytest.raises(ContractError, match="expected build\\(\\) to return a callable, got int"):
        score(pairs(1), [spec(5)])


def test_too_small_names_metric_and_image(specs):
    with pytest.raises(ImageError, match="ssim of 'tiny': expected an image of at least 19 x 19"):
        score([ImagePair(name="tiny", sr=image(1, (18, 30)), hr=image(2, (18, 30)))],
              [specs["ssim"]])  # fmt: skip


def test_sizes_must_agree():
    pair = ImagePair(name="a", sr=image(1, (24, 24)), hr=image(1, (24, 28)))
    with pytest.raises(ImageError, match="one size, got 24 x 24 and 24 x 28 for 'a'"):
        score([pair], [spec(mean_difference)])


def test_mistakes_of_the_caller():
    full, blind = spec(mean_difference), spec(lambda sr, hr: sr.mean(), "b", "none")
    alone = [ImagePair(name="a", sr=image(1))]
    assert score(alone, [blind])["b"]["a"] == pytest.approx(1 / 255)
    with pytest.raises(UserError, match="expected an HR image for 'a', which fake compare with"):
        score(alone, [full, blind])
    with pytest.raises(UserError, match="got twice: i0"):
        score(pairs(1) * 2, [full])
    with pytest.raises(UserError, match="different names, got fake, fake"):
        score(pairs(1), [full, full])
    with pytest.raises(UserError, match="at least one metric"):
        score(pairs(1), [])
    with pytest.raises(UserError, match="1 or more workers, got 0"):
        score(pairs(1), [full], workers=0)
    with pytest.raises(UserError, match="scale of 1 or more"):
        score_images(pairs(1), [full], protocol="y4-v2", scale=0)
    with pytest.raises(UnknownName, match="'y4'; did you mean 'y4-v2'"):
        score_images(pairs(1), [full], protocol="y4", scale=4)


def test_unreadable_image(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    pair = ImagePair(name="bad", sr=tmp_path / "bad.png", hr=image(1))
    with pytest.raises(ImageError, match=r"bad\.png"):
        score([pair], [spec(mean_difference)])


def test_a_scorer_is_built_once_and_used_often():
    builds = []

    def build(ctx):
        builds.append(ctx)
        return mean_difference

    metric = MetricSpec(
        name="m", version=1, lower_is_better=True, reference="full", license="", build=build
    )
    scorer = Scorer([metric], protocol="y4-v2", scale=4)
    assert scorer.score(pairs(3)) == scorer.score(pairs(3), workers=2)
    assert len(builds) == 1


PROGRAM = """
import sys, json, torch
from pathlib import Path
from srbench.metrics import ImagePair, score_images
from srbench.metrics.plugin import METRICS
folder, names, workers, backwards = sys.argv[1:]
files = sorted(Path(folder).glob("*.png"), reverse=backwards == "1")
pairs = [ImagePair(name=f.name, sr=f, hr=files[0].parent / "hr" / f.name) for f in files]
specs = [s for s in METRICS if s.name in names.split(",")]
scores = score_images(pairs, specs, protocol="y4-v2", scale=4, workers=int(workers))
print(json.dumps({m: {n: v.hex() for n, v in s.items()} for m, s in scores.items()},
                 sort_keys=True))
"""


@pytest.mark.slow
@pytest.mark.network
def test_bits_do_not_depend_on_workers_threads_or_order(write, photo_pair, tmp_path):
    sr, hr = photo_pair
    for i in range(5):
        part = np.s_[i * 4 : i * 4 + 120, : 150 + 30 * i]
        write(f"i{i}.png", sr[part])
        write(f"hr/i{i}.png", hr[part])
    names = "psnr,ssim,lpips,lpips-vgg,dists,niqe"
    outputs = set()
    for threads, workers, backwards in [("1", "1", "0"), ("2", "2", "1"), ("4", "3", "0")]:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path), names, workers, backwards],
            env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert outputs.pop().count("0x") == 30
