"""Studies made from synthetic records with small real photographs, and their servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pictured import make_out
from serving import Served, served

from srbench.study.create import Settings, create_study
from srbench.study.document import StudyFolder
from srbench.study.sources import read_rows

ROWS = ("vgg16-conv2_2", "vgg16-conv5_3", "hed-conv5_3", "mobilenet-v2")


@pytest.fixture(scope="session")
def study_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_out(
        tmp_path_factory.mktemp("study") / "out", datasets=("set14",), images=4, seeds=(1,),
        metrics=("psnr", "lpips", "niqe"),
    )  # fmt: skip


@pytest.fixture
def make_study(study_out: Path, tmp_path: Path) -> Callable[..., StudyFolder]:
    def make(name: str = "secret-study", rows: tuple[str, ...] = ROWS, **settings: object):
        chosen = {"crop": 64, "trials": 12, "repeats": 3, "checks": 5, **settings}
        return create_study(read_rows([study_out], rows), tmp_path / name, Settings(**chosen))

    return make


@pytest.fixture
def study(make_study: Callable[..., StudyFolder]) -> StudyFolder:
    return make_study()


@pytest.fixture
def server(study: StudyFolder) -> Iterator[Served]:
    with served(study) as running:
        yield running
