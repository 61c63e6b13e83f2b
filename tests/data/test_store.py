import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
import tracemalloc

import numpy as np
import pytest

from srbench.data import decoding, find_dataset, positioned, prepare, prepare_store
from srbench.data.store import ImageStore
from srbench.data.verify import verify_dataset
from srbench.errors import DataError, ImageError

SIZES = {"a.png": (7, 9), "b.png": (16, 4), "c.png": (5, 31), "d.png": (1, 1)}


@pytest.fixture
def dataset(make_images):
    return find_dataset(f"folder:{make_images(SIZES)}")


def assert_same_images(store, dataset):
    assert store.names == dataset.names
    for index in range(len(dataset)):
        assert np.array_equal(store.load(index), dataset.load(index))


@pytest.mark.parametrize("workers", [1, 3])
def test_store_holds_the_images_bit_for_bit(dataset, workers):
    store = prepare_store(dataset, workers=workers)
    assert_same_images(store, dataset)
    assert store.pixels.shape == (sum(h * w for h, w in SIZES.values()), 3)
    assert store.pixels.dtype == np.uint8
    store.verify()
    with pytest.raises(ValueError, match="read-only"):
        store.load(0)[0, 0, 0] = 1


def test_second_call_decodes_nothing(dataset, monkeypatch):
    first = prepare_store(dataset)
    monkeypatch.setattr(decoding, "decode_image", None)
    assert prepare_store(dataset).folder == first.folder


def test_equal_images_elsewhere_share_the_store(dataset, tmp_path):
    first = prepare_store(dataset)
    moved = shutil.copytree(dataset.root, tmp_path / "moved" / "images")
    assert prepare_store(find_dataset(f"folder:{moved}")).key == first.key
    (moved / "a.png").unlink()
    assert prepare_store(find_dataset(f"folder:{moved}")).key != first.key


def test_cache_can_be_given(dataset, tmp_path):
    store = prepare_store(dataset, cache=tmp_path / "fast disk")
    assert store.folder.parent == tmp_path / "fast disk" / "stores"


def test_progress_says_the_disk_use_before_anything_is_written(dataset, own_cache):
    states = []

    def progress(state):
        if not states:
            written = sum(f.stat().st_blocks for f in own_cache.rglob("pixels.u8"))
            assert written == 0
        states.append(state)

    store = prepare_store(dataset, workers=2, progress=progress)
    assert [state.done for state in states] == [0, 1, 2, 3, 4]
    assert states[0].disk_bytes == store.pixels.nbytes
    assert states[0].free_bytes > 0
    assert states[0].folder == store.folder


def test_too_small_a_disk_is_an_error_before_the_start(dataset, monkeypatch, own_cache):
    monkeypatch.setattr(
        prepare.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(9, 9, 9)
    )
    with pytest.raises(DataError, match=r"GB of disk for the store .* got 0\.00 GB free"):
        prepare_store(dataset)
    assert not list(own_cache.rglob("pixels.u8"))


def test_a_disk_that_fills_up_is_an_error_too(dataset, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(positioned, "write_at", full)
    with pytest.raises(DataError, match="got a full disk"):
        prepare_store(dataset)
    monkeypatch.undo()


def test_an_interrupted_build_goes_on_where_it_was(dataset, monkeypatch):
    monkeypatch.setattr(prepare, "_SYNC_EVERY", 1)

    def stop(state):
        if state.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_store(dataset, workers=1, progress=stop)
    decoded = []
    real = decoding.decode_image
    monkeypatch.setattr(
        decoding, "decode_image", lambda data, file: decoded.append(file.name) or real(data, file)
    )
    states = []
    store = prepare_store(dataset, workers=1, progress=states.append)
    assert states[0].done == 2
    assert decoded == ["c.png", "d.png"]
    assert_same_images(store, dataset)
    store.verify()
    assert sorted(file.name for file in store.folder.iterdir()) == ["index.json", "pixels.u8"]


def test_a_bad_image_is_named_and_keeps_the_others(dataset):
    (dataset.root / "c.png").write_bytes((dataset.root / "c.png").read_bytes()[:60])
    with pytest.raises(ImageError, match=r"c\.png"):
        prepare_store(dataset, workers=1)
    (dataset.root / "c.png").unlink()
    rest = find_dataset(f"folder:{dataset.root}")
    assert_same_images(prepare_store(rest), rest)


def test_files_that_change_meanwhile_are_refused(dataset, make_images):
    dataset.manifest()
    make_images({"b.png": SIZES["b.png"]}, seed=9)
    with pytest.raises(DataError, match=r"b\.png to stay as it was"):
        prepare_store(dataset)


def test_an_empty_data_set_is_refused(dataset):
    from dataclasses import replace

    with pytest.raises(DataError, match="empty data set"):
        prepare_store(replace(dataset, files=()))


def test_verify_finds_a_flipped_bit(dataset):
    store = prepare_store(dataset)
    assert verify_dataset(dataset).store is not None
    with (store.folder / "pixels.u8").open("r+b") as stream:
        stream.seek(7 * 9 * 3 + 5)
        byte = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte ^ 1]))
    with pytest.raises(DataError, match=r"the pixels of b changed"):
        verify_dataset(dataset)


def test_verify_finds_a_damaged_image(dataset):
    assert verify_dataset(dataset).store is None
    (dataset.root / "b.png").write_bytes(b"gone")
    with pytest.raises(ImageError, match=r"b\.png"):
        verify_dataset(dataset)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "pixels.u8").unlink(),
        lambda folder: (folder / "pixels.u8").write_bytes(b"short"),
        lambda folder: (folder / "index.json").write_text("{"),
        lambda folder: (folder / "index.json").write_text(json.dumps({"version": 99})),
        lambda folder: (folder / "index.json").unlink(),
    ],
)
def test_damaged_stores_are_refused(dataset, damage):
    folder = prepare_store(dataset).folder
    damage(folder)
    with pytest.raises(DataError, match="image store"):
        ImageStore.open(folder)


def test_a_store_travels_to_workers_as_its_path(dataset):
    store = prepare_store(dataset)
    message = pickle.dumps(store)
    assert len(message) < 1000
    assert_same_images(pickle.loads(message), dataset)


def test_two_builders_at_once_make_one_store(dataset, monkeypatch):
    decoded, stores = [], []
    real = decoding.decode_image

    def slow(data, file):
        decoded.append(file.name)
        time.sleep(0.05)
        return real(data, file)

    monkeypatch.setattr(decoding, "decode_image", slow)
    threads = [
        threading.Thread(target=lambda: stores.append(prepare_store(dataset))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 3
    assert sorted(decoded) == sorted(SIZES)
    assert_same_images(stores[0], dataset)


KILLED = """
import sys, time
from srbench.data import decoding, find_dataset, prepare, prepare_store
prepare._SYNC_EVERY = 3
def tell(state):
    print(state.done, flush=True)
    time.sleep(0.02)
prepare_store(find_dataset(f"folder:{sys.argv[1]}"), workers=2, progress=tell)
"""


@pytest.mark.parametrize("kill_at", [1, 7])
def test_killed_builders_lose_nothing_that_was_synced(make_images, kill_at):
    folder = make_images({f"{i}.png": (20, 20 + i) for i in range(12)})
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if int(line) == kill_at:
                process.send_signal(signal.SIGKILL)
                break
    dataset = find_dataset(f"folder:{folder}")
    states = []
    store = prepare_store(dataset, progress=states.append)
    assert states[0].done == kill_at // 3 * 3
    assert_same_images(store, dataset)
    store.verify()


def test_building_needs_little_memory(make_images):
    dataset = find_dataset(f"folder:{make_images({f'{i}.png': (256, 256) for i in range(30)})}")
    dataset.manifest()
    tracemalloc.start()
    try:
        store = prepare_store(dataset, workers=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < store.pixels.nbytes / 3
