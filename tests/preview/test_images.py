"""Stored images to small pictures: every mode, passed through where that suits, typed errors for the rest."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from deeplake_nb.errors import FormatError
from deeplake_nb.format.samples import StoredSample
from deeplake_nb.preview.images import to_8bit
from deeplake_nb.preview.render import render


def stored(array, kind=None, htype="image", **save):
    """A sample as it lies in storage: a file of some kind, or raw bytes."""
    array = np.ascontiguousarray(array)
    if kind is None:
        data = array.tobytes()
    else:
        out = io.BytesIO()
        Image.fromarray(array).save(out, kind, **save)
        data = out.getvalue()
    return StoredSample(memoryview(data), array.shape, array.dtype.name, kind, htype, "tensor 'images' row 3")


def opened(preview):
    return Image.open(io.BytesIO(preview.data))


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif"])
def test_what_a_browser_can_show_is_passed_through_byte_for_byte(kind):
    array = noise(60, 80) if kind == "gif" else noise(60, 80, 3)
    sample = stored(array, kind)
    preview = render(sample, 256)
    assert bytes(preview.data) == bytes(sample.data)
    assert preview.media_type == f"image/{kind}"
    assert (preview.width, preview.height) == (80, 60)


def test_a_picture_passed_through_is_not_decoded(monkeypatch):
    from PIL import ImageFile

    def decode(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    assert render(stored(noise(60, 80, 3), "jpeg"), 256).media_type == "image/jpeg"


def test_a_large_file_is_reduced_and_keeps_its_shape():
    preview = render(stored(noise(900, 1800, 3), "jpeg"), 256)
    assert (preview.width, preview.height) == (256, 128)
    assert len(preview.data) < 40_000


@pytest.mark.parametrize("kind", ["bmp", "tiff", "ppm", "tga"])
def test_what_a_browser_cannot_show_is_decoded_to_the_same_pixels(kind):
    array = noise(16, 20, 3)
    preview = render(stored(array, kind), 256)
    assert preview.media_type == "image/png"
    np.testing.assert_array_equal(np.asarray(opened(preview)), array)


@pytest.mark.parametrize(
    ("array", "mode"),
    [
        (noise(9, 8), "L"),
        (noise(9, 8, 1), "L"),
        (noise(9, 8, 2), "LA"),
        (noise(9, 8, 3), "RGB"),
        (noise(9, 8, 4), "RGBA"),
        (noise(9, 8, 7), "RGB"),
        (noise(9, 8) > 100, "L"),
        (noise(9, 8).astype("uint16") * 200, "L"),
        (np.linspace(-3, 7, 72, dtype="float32").reshape(9, 8), "L"),
    ],
    ids=["grey", "one channel", "grey and alpha", "rgb", "rgba", "seven channels", "bool", "16 bit", "float"],
)
def test_raw_arrays_of_every_form_become_pictures(array, mode):
    preview = render(stored(array), 256)
    picture = opened(preview)
    assert picture.mode == mode
    assert picture.size == (8, 9)
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in {3, 4}:
        np.testing.assert_array_equal(np.asarray(picture), array)


def test_cmyk_is_shown_in_colours_of_the_screen():
    sample = stored(np.asarray(Image.new("RGB", (300, 300), (200, 30, 40)).convert("CMYK")), None)
    out = io.BytesIO()
    Image.new("CMYK", (700, 700), (0, 255, 255, 0)).save(out, "jpeg")
    sample = StoredSample(memoryview(out.getvalue()), (700, 700, 4), "uint8", "jpeg", "image", "a sample")
    red, green, blue = opened(render(sample, 64)).convert("RGB").getpixel((5, 5))
    assert red > 200
    assert max(green, blue) < 60


def test_a_turned_photograph_is_not_turned_by_the_browser():
    exif = Image.Exif()
    exif[0x0112] = 6
    sample = stored(noise(60, 80, 3), "jpeg", exif=exif)
    preview = render(sample, 256)
    assert bytes(preview.data) != bytes(sample.data)
    assert opened(preview).getexif().get(0x0112, 1) == 1
    assert (preview.width, preview.height) == (80, 60)


def test_values_are_stretched_to_what_a_screen_shows():
    assert to_8bit(np.array([[True, False]])).tolist() == [[255, 0]]
    assert to_8bit(np.array([0.0, 0.5, 1.0])).tolist() == [0, 128, 255]
    assert to_8bit(np.array([-10, 0, 10], "int16")).tolist() == [0, 128, 255]
    assert to_8bit(np.array([np.nan, 1.0, np.inf, 3.0])).tolist() == [0, 0, 255, 255]
    assert to_8bit(np.array([7, 7], "uint16")).tolist() == [0, 0]


def test_an_empty_image_says_so():
    preview = render(StoredSample(memoryview(b""), (0, 0, 3), "uint8", "jpeg", "image"), 256)
    assert preview.text == "empty image, shape (0, 0, 3)"


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff"])
def test_corrupt_files_name_the_sample_and_what_is_wrong(kind):
    whole = stored(noise(900, 900, 3), kind)
    for data in (b"", b"no image at all", bytes(whole.data[:2000])):
        broken = StoredSample(memoryview(data), whole.shape, "uint8", kind, "image", "tensor 'images' row 3")
        with pytest.raises(
            FormatError, match=rf"tensor 'images' row 3: {len(data):,} bytes cannot be decoded as {kind}"
        ):
            render(broken, 64)


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (StoredSample(memoryview("café".encode()), (1,), "str", None, "text"), "café"),
        (StoredSample(memoryview(b'{"a": [1, 2]}'), (1,), "Any", None, "json"), '{"a": [1, 2]}'),
        (StoredSample(memoryview(np.arange(3).tobytes()), (3,), "int64", None, "generic"), "[0, 1, 2]"),
    ],
    ids=["text", "json", "numbers"],
)
def test_what_is_no_picture_becomes_words(sample, words):
    assert render(sample, 256).text == words


def test_long_text_is_cut_with_a_note():
    sample = StoredSample(memoryview(b"word " * 1000), (1,), "str", None, "text")
    assert render(sample, 256).text.endswith("more characters")
    assert len(render(sample, 256).text) < 320
