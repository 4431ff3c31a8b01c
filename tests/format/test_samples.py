"""Samples as values: files that are opened late, and stored bytes that become arrays or an error."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deeplake_nb.errors import FormatError, HtypeError, SampleError
from deeplake_nb.format.codecs import lz4
from deeplake_nb.format.samples import Link, Sample, StoredSample, as_bytes, decode_polygons, encode_polygons, raw_array

from .fuzz import damaged, survives


def png(array):
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


COLOUR = np.random.default_rng(0).integers(0, 255, (6, 5, 3), "uint8")
POLYGONS = [np.arange(6, dtype="float32").reshape(3, 2), np.ones((5, 2), "float32")]


def stored(data, shape, dtype="uint8", compression=None, htype="generic"):
    return StoredSample(memoryview(data), shape, dtype, compression, htype, "tensor 'x' row 3")


# ------------------------------------------------------------------ samples to append


def test_a_file_is_opened_when_it_is_needed_and_once_when_loaded():
    opened = []

    def load(path):
        opened.append(path)
        return png(COLOUR)

    sample = Sample(load=load, path="dir/a.png")
    assert (repr(sample), sample.is_file, opened) == ("Sample('dir/a.png')", True, [])
    assert (sample.compression, sample.shape, sample.dtype, len(opened)) == ("png", (6, 5, 3), "uint8", 1)
    kept = sample.loaded()
    assert np.array_equal(kept.array, COLOUR)
    assert bytes(kept.buffer) == png(COLOUR)
    assert (len(opened), kept.path) == (2, "dir/a.png")


def test_an_array_is_a_sample_too():
    sample = Sample(array=COLOUR[:, ::2])
    assert (sample.is_file, sample.compression, sample.shape, sample.dtype) == (False, None, (6, 3, 3), "uint8")
    assert bytes(sample.buffer) == COLOUR[:, ::2].tobytes()
    assert sample.loaded() is sample
    assert sample.array is not None


def test_a_sample_of_nothing():
    with pytest.raises(FormatError, match="a Sample needs bytes or an array"):
        Sample()


def test_the_kind_that_was_given_stands_for_the_one_of_the_head():
    assert Sample(png(COLOUR), compression="jpg").compression == "jpeg"
    assert repr(Sample(png(COLOUR), compression="png")) == "Sample(compression='png')"


def test_a_damaged_file_is_named_by_its_path():
    with pytest.raises(FormatError, match=r"^dir/a.png: "):
        _ = Sample(b"no picture", path="dir/a.png").shape


def test_links_are_values():
    assert Link("a.png") == Link("a.png", None)
    assert Link("a.png", "key") != Link("a.png")
    assert hash(Link("a.png")) == hash(Link("a.png"))


def test_a_link_does_not_show_its_secrets():
    link = Link("https://me:password@host/a.png?X-Amz-Signature=secret")
    assert "password" not in repr(link)
    assert "secret" not in repr(link)


# ------------------------------------------------------------------ stored bytes


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "complex64"])
@given(shape=st.lists(st.integers(0, 3), max_size=4))
def test_raw_bytes_come_back(dtype, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    found = stored(as_bytes(np.ascontiguousarray(array)), tuple(shape), dtype).array()
    assert (found.dtype, found.shape, found.tolist()) == (array.dtype, array.shape, array.tolist())


def test_raw_bytes_are_not_copied():
    data = bytes(range(24))
    found = raw_array(memoryview(data), (2, 3), "int32", "x")
    assert np.shares_memory(found, np.frombuffer(data, "uint8"))
    assert not found.flags.writeable


@pytest.mark.parametrize(
    ("data", "shape", "dtype"),
    [
        (b"", (1,), "uint8"),
        (bytes(5), (2, 3), "uint8"),
        (bytes(7), (1,), "int64"),
        (bytes(8), (2**31, 2**31, 4), "uint8"),
        (b"", (0, 2**32 - 1, 2**32 - 1), "int64"),
        (bytes(8), (1,), "object"),
        (bytes(8), (1,), "nonsense"),
        (b"", (0,), "nonsense"),
        (bytes(8), (1,) * 70, "int64"),
    ],
)
def test_bytes_that_do_not_fill_their_shape_are_named(data, shape, dtype):
    with pytest.raises(FormatError, match=rf"^tensor 'x' row 3: {len(data)} bytes are no {dtype} array of shape"):
        stored(data, shape, dtype).array()


def test_a_picture_takes_the_stored_shape_and_dtype():
    grey = COLOUR[..., 0]
    assert stored(png(grey), (6, 5, 1), "uint8", "png").array().shape == (6, 5, 1)
    assert stored(png(COLOUR), (6, 5, 3), "uint16", "png").array().dtype == "uint16"
    assert stored(b"", (0, 0, 0), "uint8", "png").array().shape == (0, 0, 0)


@pytest.mark.parametrize("shape", [(6, 5), (5, 5, 3), (10**6, 10**6, 3)])
def test_a_picture_of_another_size_is_named(shape):
    with pytest.raises(
        FormatError, match=r"^tensor 'x' row 3: expected an image of \d+ numbers, the file has \(5, 6\) RGB"
    ):
        stored(png(COLOUR), shape, "uint8", "png").array()


@pytest.mark.parametrize(
    ("htype", "data", "shape", "value", "array"),
    [
        ("text", "ä".encode(), (1,), "ä", ["ä"]),
        ("text", b"", (1,), "", [""]),
        ("json", b'{"a": [1]}', (1,), {"a": [1]}, [{"a": [1]}]),
        ("json", b"", (1,), {}, [{}]),
        ("list", b'[1, [2, "a"]]', (2,), [1, [2, "a"]], [1, [2, "a"]]),
        ("list", b"", (0,), [], []),
        ("tag", b'["a"]', (1,), ["a"], ["a"]),
    ],
)
def test_texts_and_json_come_as_values_and_as_arrays(htype, data, shape, value, array):
    sample = stored(data, shape, "str" if htype == "text" else "Any", None, htype)
    assert sample.value() == value
    assert sample.array().tolist() == array
    assert sample.array().ndim == 1
    assert sample.array().dtype.kind == ("U" if htype == "text" else "O")


@pytest.mark.parametrize(
    ("htype", "data", "message"),
    [("text", b"\xff", "not UTF-8 text"), ("json", b"{", "not a JSON object"), ("list", b"\xc3", "not UTF-8 text"),
     ("list", b'{"a": 1}', "expected a JSON array, got a dict"), ("tag", b"5", "expected a JSON array, got a int")],
)  # fmt: skip
def test_damaged_texts_are_named(htype, data, message):
    with pytest.raises(FormatError, match=rf"^tensor 'x' row 3: {message}"):
        stored(data, (1,), "str", None, htype).array()


def test_polygons_come_back():
    data, shape = encode_polygons(POLYGONS)
    assert shape == (2, 5, 2)
    found = stored(data, shape, "float32", None, "polygon").value()
    assert all(np.array_equal(one, other) for one, other in zip(found, POLYGONS, strict=True))
    assert stored(b"", (0, 0, 0), "float32", None, "polygon").value() == []
    assert stored(data, shape, "float32", None, "polygon").array().dtype == object


@pytest.mark.parametrize(
    ("data", "shape"),
    [(b"\x02", (2, 5, 2)), (encode_polygons(POLYGONS)[0][:-1], (2, 5, 2)), (encode_polygons(POLYGONS)[0], (2, 5, 3)),
     (b"\xff\xff" + bytes(9), (1, 1, 2)), (encode_polygons(POLYGONS)[0], ()), (b"\0\0\1", (1, 1, 1))],
)  # fmt: skip
def test_damaged_polygons_are_named(data, shape):
    with pytest.raises(FormatError, match=r"^x: not a polygon sample"):
        decode_polygons(memoryview(data), shape, "float32", "x")


def test_no_polygons_in_two_bytes():
    assert decode_polygons(memoryview(b"\0\0"), (0, 0, 2), "float32", "x") == []


SAMPLES = {
    "raw": stored(bytes(range(24)), (2, 3), "int32"),
    "text": stored("ä word".encode(), (1,), "str", None, "text"),
    "json": stored(b'{"a": [1, 2.5, null]}', (1,), "Any", None, "json"),
    "list": stored(b'[1, [2, "a"]]', (2,), "List", None, "list"),
    "png": stored(png(COLOUR), (6, 5, 3), "uint8", "png", "image"),
    "polygon": stored(*encode_polygons(POLYGONS), "float32", None, "polygon"),
}
dims = st.lists(st.integers(0, 4) | st.sampled_from([2**31, 2**32 - 1]), max_size=4).map(tuple)


@pytest.mark.parametrize("name", SAMPLES)
@given(data=st.data())
def test_damage_gives_an_array_or_an_error_in_bounded_memory(name, data):
    sample = SAMPLES[name]
    raw = data.draw(damaged([bytes(sample.data)]) | st.just(bytes(sample.data)))
    shape = data.draw(st.just(sample.shape) | dims)
    mutated = StoredSample(memoryview(raw), shape, sample.dtype, sample.compression, sample.htype, "x")
    array = survives(lambda _: mutated.array(), b"", 5_000_000)
    if array is not None and name in {"raw", "png"}:
        assert array.shape == shape
    survives(lambda _: mutated.value(), b"", 5_000_000)


def test_a_sample_as_bytes_of_other_kinds(tmp_path):
    grey = Sample(array=np.arange(12, dtype="uint8").reshape(3, 4))
    assert grey.pil.size == (4, 3)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(grey.compressed_bytes("png")))), grey.array)
    assert lz4.decompress(grey.compressed_bytes("lz4"), "") == grey.uncompressed_bytes() == bytes(range(12))
    with pytest.raises(SampleError, match="mp4 files are not made here"):
        grey.compressed_bytes("mp4")
    with pytest.raises(HtypeError, match="unknown compression"):
        grey.compressed_bytes("nothing")
    for other in (Sample(b"no picture", path="a.jpg"), Sample(array=np.zeros((2, 2, 2, 2)))):
        with pytest.raises(FormatError, match="it is no picture"):
            _ = other.pil
