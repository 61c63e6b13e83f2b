"""Data sets from their owners' archives: the layouts, the pins, and what strangers may put in."""

import functools
import io
import json
import tarfile
import threading
import zipfile
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

from srbench.cli import cli
from srbench.data import assemble as rooms
from srbench.data import find_dataset, recipes
from srbench.data.verify import set_pixels_sha256
from srbench.files import file_sha256

LISTED = (Path(rooms.__file__).parent / "bsdt100.txt").read_text().split()
OTHERS = [f"{number}" for number in range(900001, 900101)]
TRAIN = [f"{number}" for number in range(800001, 800201)]
VAL = [f"{number}" for number in range(700001, 700101)]


def data(*arguments, **options):
    return CliRunner().invoke(cli, ["data", *map(str, arguments)], **options)


@functools.cache
def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, "JPEG", quality=95)
    return out.getvalue()


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def bsds_members() -> dict[str, bytes]:
    """The layout of BSR_bsds500.tgz: images by part, ground truth and thumbnails beside them."""
    parts = {"train": TRAIN, "test": [*LISTED, *OTHERS], "val": VAL}
    members = {
        f"BSR/BSDS500/data/images/{part}/{stem}.jpg": jpeg(int(stem) % 50)
        for part, stems in parts.items()
        for stem in stems
    }
    rest = {
        "BSR/BSDS500/data/images/test/Thumbs.db": b"x",
        "BSR/BSDS500/data/images/test/._100039.jpg": b"a fork of another system",
        "BSR/BSDS500/data/groundTruth/test/100039.mat": b"x",
    }
    return members | rest


@pytest.fixture(scope="module")
def bsds(tmp_path_factory) -> Path:
    return write_tar(tmp_path_factory.mktemp("archive") / "BSR_bsds500.tgz", bsds_members())


@pytest.fixture
def pin(monkeypatch):
    """Give a recipe other pins: the archive of a test is not the owners'."""

    def change(name: str, **origin) -> None:
        recipe = recipes.RECIPES[name]
        pixels = origin.pop("pixels_sha256", None)
        changed = replace(recipe, pixels_sha256=pixels, origin=replace(recipe.origin, **origin))
        monkeypatch.setitem(recipes.RECIPES, name, changed)

    return change


def test_the_bsds_sets_are_the_parts_that_their_names_say(bsds, pin, tmp_path):
    pin("bsdt100")
    pin("bsds-train300")
    done = data("assemble", "bsdt100", "bsds-train300", "--from", bsds)
    assert done.exit_code == 0, done.output
    assert "bsdt100: 100 images in data/bsdt100 (no known copy to compare with)" in done.output
    assert sorted(find_dataset("bsdt100").names) == sorted(LISTED)
    assert sorted(find_dataset("bsds-train300").names) == sorted([*TRAIN, *OTHERS])
    assert (tmp_path / "data/bsdt100" / f"{LISTED[0]}.jpg").read_bytes() == jpeg(
        int(LISTED[0]) % 50
    )
    assert sorted(entry.name for entry in (tmp_path / "data").iterdir()) == [
        "bsds-train300",
        "bsdt100",
    ]


def test_other_pixels_than_the_known_copys_are_refused_and_leave_nothing(bsds, tmp_path):
    done = data("assemble", "bsdt100", "--from", bsds)
    assert done.exit_code == 2
    assert recipes.RECIPES["bsdt100"].pixels_sha256 in done.output
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("name", ["set5", "set14", "bsd100", "bsdt100", "bsdt20", "bsds-train300"])
def test_the_known_copies_are_those_of_the_benchmark_folder(name, shared_data, monkeypatch):
    monkeypatch.setenv("SRBENCH_DATA", str(shared_data))
    (row,) = json.loads(data("verify", name, "--json").stdout)
    assert row["pixels_sha256"] == recipes.RECIPES[name].pixels_sha256
    if name == "set5":
        assert "(the leaderboard's copy)" in data("verify", name).stdout


def test_set5_is_assembled_from_the_layout_of_selfexsr(shared_data, tmp_path):
    """Files of that archive: HR and LR at three scales; the pixels must be the known copy's."""
    archive = tmp_path / "Set5_SR.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for number in range(1, 6):
            hr = (shared_data / f"Set5/img_{number:03d}.png").read_bytes()
            for scale in (2, 3, 4):
                stem = f"Set5/image_SRF_{scale}/img_{number:03d}_SRF_{scale}"
                zipped.writestr(f"{stem}_HR.png", hr if scale == 4 else b"cropped otherwise")
                zipped.writestr(f"{stem}_LR.png", b"small")
    done = data("assemble", "set5", "--from", archive, "--to", tmp_path / "sets")
    assert done.exit_code == 0, done.output
    assert "set5: 5 images" in done.output
    assert "(the leaderboard's copy)" in done.output
    again = data("assemble", "set5", "--from", archive, "--to", tmp_path / "sets")
    assert again.exit_code == 2
    assert "remove it, or take another --to" in again.output


def test_names_in_an_archive_write_nowhere_else(pin, tmp_path):
    pin("bsdt100")
    members = {k: v for k, v in bsds_members().items() if "/test/" in k}
    members["../../images/test/../../../escaped.jpg"] = jpeg(1)
    members["/tmp/images/test/1/../../escaped.jpg"] = jpeg(1)
    done = data("assemble", "bsdt100", "--from", write_tar(tmp_path / "a.tgz", members))
    assert done.exit_code == 0, done.output
    assert not list(tmp_path.rglob("escaped*"))
    linked = tmp_path / "linked.tgz"
    with tarfile.open(linked, "w:gz") as tar:
        info = tarfile.TarInfo("images/test/100039.jpg")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    done = data("assemble", "bsdt100", "--from", linked, "--to", tmp_path / "other")
    assert done.exit_code == 2
    assert "got 0" in done.output


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda raw: raw[: len(raw) // 2], "expected a whole archive"),
        (lambda raw: b"no archive at all", "expected a whole archive"),
    ],
)
def test_damaged_archives_are_one_line(bsds, pin, tmp_path, break_it, says):
    pin("bsdt100")
    broken = tmp_path / "broken.tgz"
    broken.write_bytes(break_it(bsds.read_bytes()))
    done = data("assemble", "bsdt100", "--from", broken)
    assert done.exit_code == 2
    assert says in done.output
    assert "Traceback" not in done.output


def test_an_image_that_is_there_twice_or_too_large_is_refused(pin, tmp_path, monkeypatch):
    pin("bsdt100")
    members = {f"a/images/test/{LISTED[0]}.jpg": jpeg(1), f"b/images/test/{LISTED[0]}.jpg": jpeg(2)}
    done = data("assemble", "bsdt100", "--from", write_tar(tmp_path / "twice.tgz", members))
    assert "is there twice" in done.output
    monkeypatch.setattr(rooms, "MAX_IMAGE_BYTES", 64)
    done = data("assemble", "bsdt100", "--from", write_tar(tmp_path / "large.tgz", members))
    assert "larger than" in done.output
    monkeypatch.setattr(rooms, "MAX_UNPACKED_BYTES", 100)
    done = data("assemble", "bsdt100", "--from", write_tar(tmp_path / "bomb.tgz", members))
    assert "unpacks to more than 100 bytes" in done.output


@pytest.fixture
def server(bsds):
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(bsds.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def test_get_shows_the_terms_first_and_downloads_once_for_two_sets(server, bsds, pin, tmp_path):
    for name in ("bsdt100", "bsds-train300"):
        pin(name, url=f"{server}/BSR_bsds500.tgz", sha256=file_sha256(bsds))
    refused = data("get", "bsdt100", "bsds-train300", input="n\n")
    assert refused.exit_code == 1
    assert "for research and education" in refused.output
    assert not (tmp_path / "data").exists()
    done = data("get", "bsdt100", "bsds-train300", "--accept-terms")
    assert done.exit_code == 0, done.output
    assert done.output.count("for research and education") == 1
    assert len(find_dataset("bsdt100")) == 100
    assert len(find_dataset("bsds-train300")) == 300
    assert not list((tmp_path / "cache").glob("archive-*"))


def test_get_refuses_another_archive_and_what_has_no_terms(server, pin, tmp_path, monkeypatch):
    pin("bsdt100", url=f"{server}/BSR_bsds500.tgz", sha256="0" * 64)
    done = data("get", "bsdt100", "--accept-terms")
    assert done.exit_code == 2
    assert "pinned is 0000" in done.output
    assert not list((tmp_path / "cache").glob("archive-*"))
    refused = data("get", "set5", "--accept-terms").output
    assert "no terms under which" in refused
    assert "srbench data assemble NAME --from Set5_SR.zip" in refused
    assert "ask its owners" in data("get", "manga109").output
    monkeypatch.setenv("SRBENCH_OFFLINE", "1")
    assert "SRBENCH_OFFLINE is set" in data("get", "bsdt100", "--accept-terms").output


def test_the_hash_of_a_set_is_of_its_pixels(tmp_path):
    image = PIL.Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    image.save(tmp_path / "a.png", compress_level=0)
    image.save(tmp_path / "b.png", compress_level=9)
    one, other = (set_pixels_sha256([tmp_path / name]) for name in ("a.png", "b.png"))
    assert one == other
    assert set_pixels_sha256([tmp_path / "a.png", tmp_path / "b.png"]) != one
