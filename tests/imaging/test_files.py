import io
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import PIL.Image
import PIL.ImageFile
import pytest

from srbench.errors import ImageError
from srbench.imaging import decode_image, image_size, read_image, write_image

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


@pytest.mark.parametrize("suffix", ["png", "bmp", "dib", "ppm", "tif", "webp", "jp2"])
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
        args[0].write(b"half")
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


def test_truncated_files_are_refused_whatever_another_library_allows(monkeypatch):
    """pyiqa's data sets allow them for the whole process; threads decode side by side."""
    monkeypatch.setattr(PIL.ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = {kind: encoded(PIL.Image.fromarray(noise), kind) for kind in ("PNG", "JPEG", "BMP")}

    def refused(kind):
        assert decode_image(whole[kind], kind).shape == noise.shape
        with pytest.raises(ImageError, match=kind):
            decode_image(whole[kind][: len(whole[kind]) * 6 // 10], kind)
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(refused, [*whole] * 40))
    assert PIL.ImageFile.LOAD_TRUNCATED_IMAGES is True


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
    with pytest.raises(ImageError, match=r"at most 536,870,912 pixels, got \d+ x \d+ from"):
        decode_image(bomb, "bomb.png")


def test_a_large_image_is_read_where_its_file_could_hold_it(tmp_path, monkeypatch):
    """eval used to refuse what upscale had made: Pillow's limit is 89 megapixels."""
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 40)
    PIL.Image.fromarray(np.tile(RGB, (2, 2, 1))).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (12, 18, 3)
    assert PIL.Image.MAX_IMAGE_PIXELS == 40
    data = png(10_000, 9_000, 8, 0, data=zlib.compress(bytes(10_001 * 9_000), 0))
    assert decode_image(data, "large.png").shape == (9_000, 10_000, 3)


def test_gif_avif_and_plain_pbm_equal_what_pillow_makes_of_them(tmp_path):
    for kind in ("GIF", "AVIF", "JPEG"):
        data = encoded(PIL.Image.fromarray(RGB), kind)
        with PIL.Image.open(io.BytesIO(data)) as file:
            assert np.array_equal(decode_image(data, f"a.{kind}"), np.asarray(file.convert("RGB")))
    plain = decode_image(b"P1\n# a comment\n3 2\n1 0 1\n0 1 0\n", "a.pbm")
    assert plain[..., 0].tolist() == [[0, 255, 0], [255, 0, 255]]


def test_an_animated_gif_and_a_deep_jpeg_2000_are_refused():
    frames = [PIL.Image.fromarray(RGB), PIL.Image.fromarray(RGB[::-1])]
    with pytest.raises(ImageError, match="got 2 frames"):
        decode_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "a.gif")
    deep = PIL.Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000)
    with pytest.raises(ImageError, match="8 bits per channel"):
        decode_image(encoded(deep, "JPEG2000"), "a.jp2")
    rgb = bytearray(encoded(PIL.Image.fromarray(RGB), "JPEG2000"))
    rgb[rgb.find(b"\xff\x4f\xff\x51") + 42] = 11  # its red says 12 bits
    with pytest.raises(ImageError, match="8 bits per channel"):
        decode_image(bytes(rgb), "a.jp2")


@pytest.mark.skipif(not cv2.haveImageWriter(".avif"), reason="this OpenCV writes no AVIF")
def test_deep_avif_is_refused():
    ok, avif = cv2.imencode(".avif", np.zeros((8, 8, 3), np.uint16), [cv2.IMWRITE_AVIF_DEPTH, 10])
    assert ok
    with pytest.raises(ImageError, match="8 bits per channel"):
        decode_image(avif.tobytes(), "a.avif")


def claiming(jpeg, height):
    """The JPEG with another height in its frame header."""
    at = max(jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2"))
    return jpeg[: at + 5] + struct.pack(">H", height) + jpeg[at + 7 :]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_jpeg_that_claims_more_than_it_holds_is_refused(mode, options):
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    jpeg = encoded(PIL.Image.fromarray(noise).convert(mode), "JPEG", **options)
    assert decode_image(jpeg, "whole.jpg").shape == (64, 64, 3)
    for height in (65, 81, 128, 600):
        with pytest.raises(ImageError, match="holds less than its header claims"):
            decode_image(claiming(jpeg, height), "grey.jpg")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_jpeg_that_is_grey_itself_is_read(options):
    grey = encoded(PIL.Image.new("RGB", (70, 50), (128, 128, 128)), "JPEG", **options)
    assert decode_image(grey, "grey.jpg").min() == decode_image(grey, "grey.jpg").max() == 128


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tif", "jp2", "avif"])
def test_an_eps_under_another_name_never_reaches_ghostscript(suffix, tmp_path, monkeypatch):
    import PIL.EpsImagePlugin

    monkeypatch.setattr(PIL.EpsImagePlugin, "Ghostscript", lambda *a, **k: pytest.fail("it ran"))
    file = tmp_path / f"a.{suffix}"
    file.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 6\n%%EndComments\nshowpage\n")
    for read in (read_image, image_size):
        with pytest.raises(ImageError, match="no image"):
            read(file)


def test_a_device_or_pipe_is_no_image():
    with pytest.raises(ImageError, match="no regular file"):
        read_image("/dev/zero")


@pytest.mark.parametrize(("compression", "data"), [(0, b"\1" * 8), (1, b"\4\1\0\0\4\1\0\1")])
def test_a_bitmap_with_run_lengths_is_refused(compression, data):
    """Decoders fill what its lines leave out with different colours."""
    header = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, compression, len(data), 0, 0, 2, 0)
    body = header + bytes((0, 0, 0, 0, 90, 90, 90, 0)) + data
    bitmap = b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 62) + body
    if compression == 0:
        assert np.array_equal(decode_image(bitmap, "a.bmp"), np.full((2, 4, 3), 90))
        return
    with pytest.raises(ImageError, match=r"all decoders agree on, got a\.bmp"):
        decode_image(bitmap, "a.bmp")
