"""Image files: what is stored comes back, heads tell what decoding gives, and damage is told apart from pictures."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deeplake_nb.errors import FormatError, HtypeError, SampleError, UnsupportedError
from deeplake_nb.format.codecs import ALIASES, PILLOW_NAMES, TABLE, compression, images
from tests.format.fuzz import damaged, survives

IMAGE_CODECS = [name for name, row in TABLE.items() if row.kind == "image" and name != "im"]  # im warns when it saves
MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "I;16", "F", "RGBX"]
RANDOM = np.random.default_rng(0)


def file_of(image, name, **options):
    """The bytes of an image file, or None where Pillow cannot write that mode."""
    out = io.BytesIO()
    try:
        image.save(out, TABLE[name].pillow, **options)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return out.getvalue()


def picture(mode, size=(19, 13)):
    """A picture with some of everything in it."""
    if mode == "I;16":
        return Image.fromarray(RANDOM.integers(0, 65535, size[::-1], "uint16"))
    if mode in {"I", "F"}:
        return Image.fromarray(RANDOM.integers(0, 60000, size[::-1]).astype("int32" if mode == "I" else "float32"))
    rgb = Image.fromarray(RANDOM.integers(0, 255, (*size[::-1], 3), "uint8"))
    if mode == "LAB":
        return Image.merge("LAB", rgb.split())
    if mode == "PA":
        return rgb.convert("P").convert("PA")
    return rgb.convert("RGBA").convert(mode) if mode in {"LA", "RGBX"} else rgb.convert(mode)


def written():
    """Every file that Pillow writes, of every mode and kind, with a name for it."""
    found = {}
    for name in IMAGE_CODECS:
        for mode in MODES:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                data = file_of(picture(mode), name)
            if data:
                found[f"{name} {mode}"] = data
    found["jpeg progressive"] = file_of(picture("RGB"), "jpeg", progressive=True)
    found["jpeg with EXIF"] = file_of(picture("RGB"), "jpeg", exif=b"Exif\0\0" + bytes(300))
    found["png interlaced"] = file_of(picture("L"), "png", bits=4)
    found["gif of two frames"] = file_of(picture("RGB"), "gif", save_all=True, append_images=[picture("RGB")])
    found["mpo of two pictures"] = file_of(picture("RGB"), "mpo", save_all=True, append_images=[picture("L")])
    found["png with transparent colour"] = file_of(picture("RGB"), "png", transparency=(1, 2, 3))
    found["png with transparent palette"] = file_of(picture("P"), "png", transparency=3)
    return found


FILES = written()
READABLE = {name: data for name, data in FILES.items() if not name.startswith("eps")}


@pytest.mark.parametrize("name", READABLE)
def test_a_head_tells_what_decoding_gives(name):
    data = READABLE[name]
    pixels = images.decode(data, name)
    found = images.probe(data, name)
    assert (found.shape, found.dtype) == (pixels.shape, pixels.dtype.name)
    assert found.compression == PILLOW_NAMES[Image.open(io.BytesIO(data)).format]
    assert np.array_equal(pixels, np.asarray(Image.open(io.BytesIO(data))))


JPEGS = {
    "RGB": {"quality": 90},
    "RGB 4:4:4": {"subsampling": 0},
    "RGB 4:2:2": {"subsampling": 1},
    "RGB progressive": {"progressive": True},
    "RGB optimized": {"optimize": True, "quality": 20},
    "RGB unconverted": {"keep_rgb": True},
    "RGB with EXIF": {"exif": b"Exif\0\0" + bytes(300)},
    "L": {"quality": 90},
    "CMYK": {"quality": 90},
}


@pytest.mark.parametrize("mode", [None, "RGB", "L"])
@pytest.mark.parametrize("size", [(19, 13), (1, 1), (8, 16), (301, 203)])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_has_the_pixels_that_pillow_sees(kind, size, mode):
    data = file_of(picture(kind.split()[0], size), "jpeg", **JPEGS[kind])
    image = Image.open(io.BytesIO(data))
    expected = np.asarray(image if mode is None else image.convert(mode))
    found = images.decode(data, "a picture", mode)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.99])
def test_a_jpeg_that_is_cut_off_is_an_error(cut):
    data = file_of(picture("RGB", (301, 203)), "jpeg")
    with pytest.raises(FormatError, match="a picture"):
        images.decode(data[: int(len(data) * cut)], "a picture")


def test_pillow_writes_enough_kinds_and_modes_for_these_tests():
    assert len(FILES) > 60
    assert {name.split()[0] for name in FILES} >= set(IMAGE_CODECS) - {"fli", "wmf"}


ARRAYS = {
    "flags": RANDOM.integers(0, 2, (5, 7)).astype(bool),
    "grey": RANDOM.integers(0, 255, (5, 7), "uint8"),
    "one channel": RANDOM.integers(0, 255, (5, 7, 1), "uint8"),
    "two channels": RANDOM.integers(0, 255, (5, 7, 2), "uint8"),
    "three channels": RANDOM.integers(0, 255, (5, 7, 3), "uint8"),
    "four channels": RANDOM.integers(0, 255, (5, 7, 4), "uint8"),
    "five channels": RANDOM.integers(0, 255, (5, 7, 5), "uint8"),
    "16 bits": RANDOM.integers(0, 65535, (5, 7)).astype("uint16"),
    "16 bits in colour": RANDOM.integers(0, 65535, (5, 7, 3)).astype("uint16"),
    "32 bits": RANDOM.integers(-(2**31), 2**31 - 1, (5, 7)).astype("int32"),
    "unsigned 32 bits": RANDOM.integers(0, 2**32 - 1, (5, 7)).astype("uint32"),
    "signed bytes": RANDOM.integers(-5, 5, (5, 7)).astype("int8"),
    "64 bits": RANDOM.integers(0, 9, (5, 7)),
    "floats": RANDOM.normal(size=(5, 7)).astype("float32"),
    "doubles": RANDOM.normal(size=(5, 7)),
    "a line": RANDOM.integers(0, 255, 7, "uint8"),
    "four axes": RANDOM.integers(0, 255, (1, 5, 7, 3), "uint8"),
    "a film": RANDOM.integers(0, 255, (2, 5, 7, 3), "uint8"),
    "one pixel": np.array([[[7]]], "uint8"),
    "a large one": RANDOM.integers(0, 255, (300, 310), "uint8"),
    "all greys": np.arange(256, dtype="uint8").reshape(16, 16),
    "two greys": np.array([[200, 3], [3, 200]], "uint8"),
}
CERTAIN = {("png", name) for name in ("flags", "grey", "two channels", "three channels", "four channels", "16 bits")}
CERTAIN |= {("jpeg", "grey"), ("jpeg", "three channels"), ("tiff", "floats"), ("tiff", "32 bits"), ("bmp", "grey")}


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("name", IMAGE_CODECS)
def test_an_array_comes_back_or_is_refused(name, kind):
    array = ARRAYS[kind]
    try:
        data = images.encode(array, name, "x")
    except SampleError as error:
        assert (name, kind) not in CERTAIN
        assert str(error).startswith(f"x: an array of shape {array.shape} and dtype {array.dtype} ")  # noqa: PT017
        return
    pixels = images.decode(data, "x", size=array.size)
    assert pixels.dtype == array.dtype
    if not TABLE[name].lossy:
        assert np.array_equal(pixels.reshape(array.shape), array)
    elif name != "jpeg2000":
        smooth = np.abs(pixels.reshape(array.shape).astype(int) - array)
        assert smooth.mean() < 64, "noise is the worst there is for them"


def test_a_lossy_file_is_near_to_a_smooth_picture():
    ramp = np.add.outer(np.arange(64), np.arange(64)).astype("uint8")
    for name in ("jpeg", "webp", "jpeg2000"):
        array = np.stack([ramp, ramp // 2, ramp], axis=2)
        pixels = images.decode(images.encode(array, name, "x"), "x")
        assert np.abs(pixels.astype(int) - array).mean() < 4


def test_a_picture_is_converted_with_its_palette():
    colours = picture("RGB").convert("P")
    data = file_of(colours, "png")
    assert images.decode(data, "x").ndim == 2
    assert np.array_equal(images.decode(data, "x", "RGB"), np.asarray(colours.convert("RGB")))
    assert np.array_equal(images.decode(data, "x", "L"), np.asarray(colours.convert("L")))


@pytest.mark.parametrize("dtype", ["int32", "uint32"])
@pytest.mark.parametrize(("kind", "most"), [("png", 65535), ("tiff", 2**31 - 1)])
def test_numbers_of_32_bits_are_kept_where_a_file_can_hold_them(kind, most, dtype):
    array = np.array([[0, 300, most]], dtype)
    assert np.array_equal(images.decode(images.encode(array, kind, "x"), "x").astype(dtype), array)


def test_numbers_that_a_file_cannot_hold_are_not_cut_off():
    said = "of shape .1, 2. and dtype {} cannot be stored as {}: it holds numbers from {} to {}; use lz4 for others"
    for kind, dtype, value, bounds in [
        ("png", "uint32", 65536, (0, 65535)),
        ("png", "int32", -1, (0, 65535)),
        ("tiff", "uint32", 2**31, (-(2**31), 2**31 - 1)),
    ]:
        with pytest.raises(SampleError, match=said.format(dtype, kind, *bounds)):
            images.encode(np.array([[1, value]], dtype), kind, "x")


@pytest.mark.parametrize("size", [0, 1, 10**12])
def test_a_file_of_another_size_is_refused_before_it_is_decoded(size, monkeypatch):
    data = FILES["png RGB"]
    monkeypatch.setattr(np, "asarray", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(FormatError, match=rf"x: expected an image of {size} numbers, the file has \(19, 13\) RGB"):
        images.decode(data, "x", size=size)


def bomb(width, height):
    """A small file that says it is a large picture."""
    import struct
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(20_000, 5_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused(width, height):
    assert survives(lambda raw: images.decode(raw, "x", size=300), bomb(width, height), 3_000_000) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x: not an image file, or cut off"),
        (b"GIF89a", "x: "),
        (b"plain text, no picture", r"x: not an image file, or cut off \(starts with b'plain te'\)"),
        (FILES["png RGB"][:60], "x: a corrupt image file"),
        (FILES["jpeg RGB"][:300], "x: a corrupt image file"),
    ],
)
def test_what_is_no_picture(data, message):
    with pytest.raises(FormatError, match=message):
        images.decode(data, "x")


def test_a_kind_of_file_without_a_name_here():
    out = io.BytesIO()
    picture("RGB").save(out, "AVIF" if "AVIF" in Image.SAVE else "SPIDER")
    with pytest.raises(UnsupportedError, match="x: image files of kind AVIF have no name in the format"):
        images.probe(out.getvalue(), "x")


@settings(max_examples=max(300, settings().max_examples))
@given(st.data())
def test_damage_gives_pixels_or_an_error_in_bounded_memory(data):
    raw = data.draw(damaged([one for one in READABLE.values() if len(one) < 5000]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of much that is odd in a file, and reads it
        pixels = survives(lambda view: images.decode(view, "x", size=19 * 13 * 3), raw, 20_000_000)
        assert pixels is None or pixels.size == 19 * 13 * 3
        found = survives(lambda view: images.probe(view, "x"), raw[:2000], 20_000_000)
        if found is not None and found.compression in {"jpeg", "png"} and raw[:2] in {b"\xff\xd8", b"\x89P"}:
            assert len(found.shape) in {2, 3}


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_aliases(alias, name):
    assert compression(alias) is compression(alias.upper()) is compression(name)


@pytest.mark.parametrize("name", ["jpge", "zip", "", 5])
def test_an_unknown_compression(name):
    with pytest.raises(HtypeError, match=f"unknown compression {name!r}.*; known: lz4, png"):
        compression(name)


def test_no_compression():
    assert compression(None) is None


def test_names_of_pillow_are_its_own():
    Image.init()
    assert set(PILLOW_NAMES) <= {*Image.ID, *Image.SAVE, "WMF"}
