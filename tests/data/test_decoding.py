"""Decoding in processes, and what is remembered of files: the same pixels as without either."""

import os
import signal
import threading
import tracemalloc

import numpy as np
import pytest

from srbench.data import cache, decoding, find_dataset, prepare, prepare_store
from srbench.errors import DataError, ImageError

COUNT = 40


@pytest.fixture
def dataset(make_images):
    return find_dataset(f"folder:{make_images({f'{i}.png': (9 + i, 12) for i in range(COUNT)})}")


@pytest.fixture
def processes(monkeypatch):
    """Processes however little there is to decode."""
    monkeypatch.setattr(prepare, "_PROCESS_BYTES", 0)
    monkeypatch.setattr(prepare, "_CHUNK", 3)
    monkeypatch.setattr(prepare, "_QUEUE", 1)


def test_processes_decode_the_same_store(dataset, processes, tmp_path, monkeypatch):
    here = prepare_store(dataset, workers=1, cache=tmp_path / "one")
    # Nothing is decoded in this process: what it would say is not asked for.
    monkeypatch.setattr(decoding, "decode_image", None)
    there = prepare_store(dataset, workers=2, cache=tmp_path / "two")
    assert there.index == here.index
    assert np.array_equal(there.pixels, here.pixels)


def test_an_error_in_a_process_is_the_error_that_a_thread_gives(dataset, processes):
    dataset.manifest()
    path = dataset.root / "7.png"
    path.write_bytes(path.read_bytes()[:80])  # the header is whole, the pixels are not
    with pytest.raises(ImageError, match=r"7\.png, which is damaged"):
        prepare_store(dataset, workers=2)


def test_a_changed_file_is_found_in_a_process(dataset, processes, make_images):
    dataset.manifest()
    make_images({"5.png": (14, 12)}, seed=1)
    with pytest.raises(DataError, match=r"5\.png to stay as it was"):
        prepare_store(dataset, workers=2)


def test_a_killed_process_is_one_clear_error_and_the_rest_is_kept(
    dataset, processes, monkeypatch, own_cache
):
    monkeypatch.setattr(prepare, "_SYNC_EVERY", 1)
    started = []
    real = decoding.subprocess.Popen

    def remember(*args, **kwargs):
        started.append(real(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(decoding.subprocess, "Popen", remember)

    def kill(state):
        if state.done == 4:
            for process in started:
                os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(DataError, match="ended with status -9"):
        prepare_store(dataset, workers=2, progress=kill)
    states = []
    monkeypatch.undo()
    prepare_store(dataset, cache=own_cache, progress=states.append).verify()
    assert 4 <= states[0].done < COUNT


def test_processes_end_with_the_build(dataset, processes):
    import psutil

    def alive() -> set[object]:
        return {*threading.enumerate(), *psutil.Process().children(recursive=True)}

    before = alive()  # other tests leave some behind: the server that forks commands, for one
    prepare_store(dataset, workers=2)
    assert alive() <= before


def test_headers_are_read_once(dataset, monkeypatch):
    monkeypatch.setattr(cache, "_RACY_NS", -(10**12))  # these files are new
    sizes = cache.image_sizes(dataset.root, dataset.files)
    assert sizes == [dataset.load(i).shape[:2] for i in range(COUNT)]
    monkeypatch.setattr(cache, "image_size", None)
    assert cache.image_sizes(dataset.root, dataset.files) == sizes


def test_changed_files_are_read_again(dataset, make_images, monkeypatch):
    monkeypatch.setattr(cache, "_RACY_NS", -(10**12))
    before = cache.image_sizes(dataset.root, dataset.files)
    make_images({"3.png": (50, 60)}, seed=2)
    after = cache.image_sizes(dataset.root, dataset.files)
    index = dataset.names.index("3")
    assert after[index] == (50, 60)
    assert [s for i, s in enumerate(after) if i != index] == [
        s for i, s in enumerate(before) if i != index
    ]


def test_files_changed_just_now_are_not_remembered(dataset, own_cache):
    cache.image_sizes(dataset.root, dataset.files)
    assert not list((own_cache / "sizes").glob("*.json"))


def test_what_was_read_before_an_interruption_is_not_read_again(dataset, monkeypatch):
    monkeypatch.setattr(cache, "_RACY_NS", -(10**12))
    monkeypatch.setattr(cache, "_PART", COUNT // 4)
    real = cache.image_size

    def interrupted(file):
        if file == dataset.files[COUNT // 2]:
            raise KeyboardInterrupt
        return real(file)

    monkeypatch.setattr(cache, "image_size", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.image_sizes(dataset.root, dataset.files)
    read = []
    monkeypatch.setattr(cache, "image_size", lambda file: read.append(file) or real(file))
    sizes = cache.image_sizes(dataset.root, dataset.files)
    assert sizes == [real(file) for file in dataset.files]
    assert 0 < len(read) < COUNT - COUNT // 4


@pytest.mark.parametrize("value", ["[1]", '"ab"', "[0, 5]", "[1.5, 2]", "null", "[1, 2, 3]"])
def test_a_damaged_memory_of_sizes_is_read_anew(dataset, value, monkeypatch, own_cache):
    monkeypatch.setattr(cache, "_RACY_NS", -(10**12))
    sizes = cache.image_sizes(dataset.root, dataset.files)
    (record,) = (own_cache / "sizes").glob("*.json")
    record.write_text(record.read_text().replace("[9, 12]", value))
    assert cache.image_sizes(dataset.root, dataset.files) == sizes


def test_the_subset_of_imagenet_reads_headers_once(make_images, monkeypatch):
    sizes = {f"n0/{i}.png": (96 if i % 3 else 40, 100) for i in range(20)}
    make_images(sizes, folder="data/ImageNet/train")
    monkeypatch.setattr(cache, "_RACY_NS", -(10**12))
    first = find_dataset("imagenet", count=10, seed=3)
    monkeypatch.setattr(cache, "image_size", None)
    assert find_dataset("imagenet", count=10, seed=3).files == first.files
    assert all(min(image.shape[:2]) >= 96 for image in map(first.load, range(10)))


@pytest.mark.slow
def test_memory_grows_by_the_names_alone(make_images, monkeypatch):
    """What a store of 350,000 images takes: the slope between two sizes, per image."""
    monkeypatch.setattr(cache, "_PART", 500)

    def peak(count):
        folder = make_images({f"{i:05d}.png": (4, 4) for i in range(count)}, folder=f"n{count}")
        tracemalloc.start()
        try:
            prepare_store(find_dataset(f"folder:{folder}"), workers=2)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    slope = (peak(5000) - peak(1000)) / 4000
    assert slope < 3000  # bytes: 1 GB for 350,000 images, whose pixels are 180 GB
