import io
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import PIL.Image
import pytest

from srbench.errors import DataError, ImageError
from srbench.imaging import decode_image, image_size, list_images, read_image, write_image

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def png(width, height, depth, color_type, data=None):
    """A PNG built by hand: Pillow cannot write 16-bit RGB."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[color_type]
    line = b"\0" + bytes(width * channels * depth // 8)

    def chunk(kind, body):
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    pixels = zlib.compress(line * height) if data is None else data
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "tif", "webp"])
def test_lossless_formats_give_the_same_pixels(suffix, tmp_path):
    file = tmp_path / f"a.{suffix}"
    PIL.Image.fromarray(RGB).save(file, **({"lossless": True} if suffix == "webp" else {}))
    assert np.array_equal(read_image(file), RGB)
    assert image_size(file) == (6, 9)


def test_written_png_reads_back_and_leaves_nothing_else(tmp_path):
    write_image(tmp_path / "deep" / "a.png", RGB)
    write_image(tmp_path / "deep" / "a.png", RGB[::-1])
    assert np.array_equal(read_image(tmp_path / "deep" / "a.png"), RGB[::-1])
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["a.png"]


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", RGB)

    def fail(self, *args, **kwargs):
        args[0].write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(PIL.Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        write_image(tmp_path / "a.png", RGB[::-1])
    monkeypatch.undo()
    assert np.array_equal(read_image(tmp_path / "a.png"), RGB)
    assert len(list(tmp_path.iterdir())) == 1


def test_concurrent_writers_never_show_half_a_file(tmp_path):
    path = tmp_path / "a.png"
    write_image(path, RGB)
    threads = [threading.Thread(target=write_image, args=(path, RGB)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        assert np.array_equal(read_image(path), RGB)
    for thread in threads:
        thread.join()


def test_write_refuses_other_arrays_and_names(tmp_path):
    with pytest.raises(ImageError, match="uint8 image"):
        write_image(tmp_path / "a.png", RGB.astype(np.float32))
    with pytest.raises(ImageError, match=r"ends in \.png"):
        write_image(tmp_path / "a.jpg", RGB)


def test_grey_is_replicated():
    grey = RGB[..., 0]
    image = decode_image(encoded(PIL.Image.fromarray(grey), "PNG"), "a.png")
    assert np.array_equal(image, np.repeat(grey[..., None], 3, axis=2))


def test_bilevel_becomes_black_and_white():
    bits = RGB[..., 0] > 127
    image = decode_image(encoded(PIL.Image.fromarray(bits), "PNG"), "a.png")
    assert np.array_equal(image[..., 1], bits * np.uint8(255))


def test_palette_is_looked_up():
    exact = PIL.Image.fromarray(RGB // 128 * 255).convert("P", palette=PIL.Image.Palette.ADAPTIVE)
    image = decode_image(encoded(exact, "PNG"), "a.png")
    assert np.array_equal(image, np.asarray(exact.convert("RGB")))


def test_cmyk_is_converted_as_torchvision_does():
    cmyk = PIL.Image.fromarray(RGB).convert("CMYK")
    data = encoded(cmyk, "TIFF")
    assert np.array_equal(decode_image(data, "a.tif"), np.asarray(cmyk.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opaque_alpha_is_dropped_and_transparency_refused(mode):
    alpha = PIL.Image.fromarray(RGB).convert(mode)
    expected = np.asarray(PIL.Image.fromarray(RGB).convert(mode[:-1]).convert("RGB"))
    assert np.array_equal(decode_image(encoded(alpha, "PNG"), "a.png"), expected)
    alpha.putalpha(254)
    with pytest.raises(ImageError, match=r"opaque image, got transparent pixels in b\.png"):
        decode_image(encoded(alpha, "PNG"), "b.png")


def test_a_transparent_palette_color_counts_as_alpha():
    palette = PIL.Image.fromarray(RGB // 128 * 255).convert("P", palette=PIL.Image.Palette.ADAPTIVE)
    used = int(np.asarray(palette)[0, 0])
    with pytest.raises(ImageError, match="transparent"):
        decode_image(encoded(palette, "PNG", transparency=used), "a.png")


@pytest.mark.parametrize("color_type", [0, 2, 4, 6])
def test_16_bit_png_is_refused(color_type):
    assert decode_image(png(5, 4, 8, 2), "a.png").shape == (4, 5, 3)
    with pytest.raises(ImageError, match=r"8 bits per channel, got more in a\.png"):
        decode_image(png(5, 4, 16, color_type), "a.png")


@pytest.mark.parametrize(
    "data",
    [
        b"P6\n5 4\n65535\n" + bytes(120),
        b"P5\n5 4\n65535\n" + bytes(40),
        encoded(PIL.Image.fromarray(np.zeros((4, 5), np.float32)), "TIFF"),
        encoded(PIL.Image.fromarray(np.zeros((4, 5), np.uint16)), "TIFF"),
    ],
)
def test_other_deep_images_are_refused(data):
    with pytest.raises(ImageError, match="8 bits per channel"):
        decode_image(data, "a")


def test_several_frames_are_refused():
    frames = [PIL.Image.fromarray(RGB), PIL.Image.fromarray(RGB[::-1].copy())]
    data = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="got 2 frames"):
        decode_image(data, "a.tif")


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_applied(kind, orientation, turns, tmp_path):
    upright = np.zeros((8, 16, 3), np.uint8)
    upright[:, 8:] = 255
    stored = np.rot90(upright, -turns).copy()
    image = PIL.Image.fromarray(stored)
    exif = image.getexif()
    exif[0x0112] = orientation
    file = tmp_path / f"a.{kind.lower()}"
    file.write_bytes(encoded(image, kind, exif=exif))
    got = read_image(file)
    assert got.shape == upright.shape == (*image_size(file), 3)
    assert np.abs(got.astype(int) - upright).max() < 40


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP"])
@pytest.mark.parametrize("keep", [0.0, 0.1, 0.6, 0.95])
def test_truncated_files_are_refused_by_name(kind, keep, tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(PIL.Image.fromarray(noise), kind)
    file = tmp_path / "broken.png"
    file.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ImageError, match=r"broken\.png"):
        read_image(file)


@pytest.mark.parametrize("data", [b"", b"not an image", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"GIF89a"])
def test_what_is_no_image_is_refused(data):
    with pytest.raises(ImageError, match=r"expected an image, got x\.png, which is damaged or no"):
        decode_image(data, "x.png")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"gone\.png: No such file"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(ImageError, match=r"gone\.png: No such file"):
        image_size(tmp_path / "gone.png")


@pytest.mark.parametrize("side", [10_000, 30_000])
def test_decompression_bombs_are_refused_before_decoding(side):
    bomb = png(side, side, 8, 2, data=zlib.compress(b""))
    with pytest.raises(ImageError, match="at most 89,478,485 pixels"):
        decode_image(bomb, "bomb.png")


def test_images_are_listed_in_natural_order(tmp_path):
    for name in ("b10.png", "b2.PNG", "a.JPEG", ".hidden.png", "notes.txt", "sub/c1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    flat = [file.relative_to(tmp_path).as_posix() for file in list_images(tmp_path)]
    assert flat == ["a.JPEG", "b2.PNG", "b10.png"]
    deep = [file.relative_to(tmp_path).as_posix() for file in list_images(tmp_path, recursive=True)]
    assert deep == ["a.JPEG", "b2.PNG", "b10.png", "sub/c1.png"]


def test_listing_no_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="a file"):
        list_images(tmp_path / "file")
    with pytest.raises(DataError, match="nothing there"):
        list_images(tmp_path / "gone")


def test_reading_files_does_not_import_torch():
    code = "import sys, srbench.imaging.files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
