"""Values to stored bytes: what is cast, what is refused, and that reading gives the value back."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deeplake_nb.errors import SampleError
from deeplake_nb.format.batch import Uniform, Varied
from deeplake_nb.format.codecs import images
from deeplake_nb.format.creation import TensorSpec
from deeplake_nb.format.labels import label_numbers, plain_numbers
from deeplake_nb.format.meta import TensorMeta
from deeplake_nb.format.payloads import Encoder, is_text_like
from deeplake_nb.format.samples import Link, Sample, StoredSample


def encoder(htype="generic", dtype=None, **fields):
    compressions = {name: fields.pop(name) for name in ("sample_compression", "chunk_compression") if name in fields}
    meta = TensorSpec("x", htype, dtype, **{"sample_compression": None, **compressions}).meta()
    return Encoder(TensorMeta("x", meta.htype, meta.dtype, **{
        "sample_compression": meta.sample_compression, "is_link": meta.is_link, **fields
    }))  # fmt: skip


def back(encoder, payload, shape):
    """A payload as a reader gives it."""
    file = encoder.meta.sample_compression if encoder.is_image_file else None
    return StoredSample(memoryview(payload), shape, encoder.meta.dtype, file, encoder.meta.htype, "x")


# ------------------------------------------------------------------ casting

NUMBERS = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
]


@pytest.mark.parametrize("target", NUMBERS)
@pytest.mark.parametrize("source", NUMBERS)
def test_what_is_cast_keeps_its_values(source, target):
    """An array is stored if, and only if, numpy calls the cast safe or no value changes."""
    kind = np.dtype(source)
    extremes = [0, 1] if kind.kind == "b" else [0, 1, 100]
    if kind.kind in "iu":
        extremes += [np.iinfo(kind).min, np.iinfo(kind).max]
    if kind.kind == "f":
        extremes += [0.5, np.finfo(kind).max, np.nan, -np.inf]
    for value in extremes:
        array = np.array([value, value], kind)
        with np.errstate(all="ignore"):
            cast = array.astype(target)[0]
        is_same = kind.kind in "iu" and bool(np.isfinite(cast)) and int(cast) == value
        expected = np.can_cast(kind, target, "safe") or (
            is_same and np.dtype(target).kind in ("iuf" if kind.kind in "iu" else "")
        )
        enc = encoder(dtype=target)
        try:
            payload, shape = enc.one(array)
        except SampleError as error:
            assert not expected, f"{value}"
            assert "without loss; convert them with astype" in str(error)  # noqa: PT017
        else:
            assert expected, f"{value}"
            assert np.array_equal(back(enc, payload, shape).array(), array.astype(target), equal_nan=kind.kind == "f")


@pytest.mark.parametrize(
    ("dtype", "value", "stored"),
    [
        ("float32", 0.1, np.float32(0.1)),
        ("float32", 2**40, np.float32(2**40)),
        ("float32", [1, 2.5], np.array([1, 2.5], "float32")),
        ("float32", float("inf"), np.float32(np.inf)),
        ("uint8", 255, np.uint8(255)),
        ("int64", True, np.int64(1)),
        ("bool", True, np.bool_(True)),
        ("uint64", 2**64 - 1, np.uint64(2**64 - 1)),
        ("complex64", 1 + 2j, np.complex64(1 + 2j)),
        ("complex64", 0.5, np.complex64(0.5)),
        ("float32", np.array(0.1), np.float32(0.1)),
        ("float32", np.array([0.1]), np.float32(0.1)),
    ],
)
def test_fractions_of_python_may_be_rounded_and_whole_numbers_are_kept(dtype, value, stored):
    enc = encoder(dtype=dtype)
    payload, shape = enc.one(value)
    found = back(enc, payload, shape).array()
    assert found.dtype == stored.dtype
    assert np.array_equal(found, np.atleast_1d(stored))
    batch = enc.batch([value, value])
    assert isinstance(batch, Uniform | Varied)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("float32", 1e300),
        ("float32", 2**24 + 1),
        ("float32", [1, 2**24 + 1]),
        ("float32", np.int64(2**24 + 1)),
        ("float16", 2049),
        ("float16", 70_000),
        ("float16", [1.0, -1e9]),
        ("uint8", 256),
        ("uint8", -1),
        ("int64", 2**63),
        ("int32", 0.5),
        ("bool", 1),
        ("int64", 1.0),
        ("float32", 1j),
        ("int32", "5"),
        ("int32", b"5"),
        ("int32", {"a": 1}),
        ("int32", [1, [2]]),
        ("int32", object()),
        ("int32", [None]),
        ("uint64", [2**63, -1]),
        ("int32", Link("a")),
        ("int32", [[1, 2], "word"]),
    ],
)
def test_values_that_do_not_fit_are_refused(dtype, value):
    enc = encoder(dtype=dtype)
    with pytest.raises(SampleError, match=r"^tensor 'x': "):
        enc.one(value)
    with pytest.raises(SampleError, match=r"^tensor 'x': "):
        enc.batch([value, value])


@given(st.lists(st.integers(-(2**65), 2**65), min_size=1, max_size=4), st.sampled_from(NUMBERS[1:9]))
def test_a_batch_of_python_integers_is_exact_or_refused(values, dtype):
    fits = all(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max for value in values)
    try:
        batch = encoder(dtype=dtype).batch(values)
    except SampleError:
        assert not fits or not _one_dtype(values)
    else:
        assert np.frombuffer(batch.payload, dtype).tolist() == values


def _one_dtype(values):
    """Whether numpy has an integer dtype for all of them at once."""
    return np.asarray(values).dtype.kind in "iu"


# ------------------------------------------------------------------ shapes


@given(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), min_size=1, max_size=5), st.booleans())
def test_a_batch_of_arrays_of_several_shapes(shapes, packed):
    enc = encoder(dtype="int16", sample_compression="lz4" if packed else None)
    arrays = [np.arange(np.prod(shape), dtype="int16").reshape(shape) for shape in shapes]
    batch = enc.batch(arrays)
    assert isinstance(batch, Varied)
    assert batch.shapes == [tuple(shape) for shape in shapes]
    from deeplake_nb.format.codecs import lz4

    for payload, array in zip(batch.payloads, arrays, strict=True):
        raw = lz4.decompress(memoryview(payload), "x") if packed else payload
        assert bytes(raw) == array.tobytes()


@pytest.mark.parametrize(
    ("values", "shape"),
    [(np.zeros((5, 2, 3), "int32"), (2, 3)), (np.zeros(5, "int32"), (1,)), ([1, 2, 3], (1,)), (range(4), (1,)),
     (np.zeros((3, 0), "int32"), (0,)), (np.asfortranarray(np.zeros((4, 3, 2), "int32")), (3, 2))],
)  # fmt: skip
def test_a_batch_of_like_samples_is_one_piece(values, shape):
    batch = encoder(dtype="int32").batch(values)
    assert isinstance(batch, Uniform)
    assert (batch.count, batch.shape, batch.nbytes) == (len(values), shape, 4 * int(np.prod(shape)))
    assert len(batch.payload) == batch.count * batch.nbytes


def test_an_array_of_another_byte_order_or_layout_is_stored_in_ours():
    enc = encoder(dtype="int32")
    array = np.arange(6).reshape(2, 3)
    for one in (array.astype(">i4"), np.asfortranarray(array.astype("int32")), array.astype("int32")[:, ::-1]):
        payload, shape = enc.one(one)
        assert np.array_equal(back(enc, payload, shape).array(), one)
        batch = enc.batch(one[None])
        assert np.array_equal(np.frombuffer(batch.payload, "<i4").reshape(2, 3), one)


def test_missing_samples_take_the_rank_of_the_others():
    assert encoder(dtype="int8").batch([None, None]).shapes == [None, None]
    assert encoder(dtype="int8").batch([None, np.zeros((2, 2), "int8"), None]).shapes == [(0, 0), (2, 2), (0, 0)]
    assert encoder(dtype="int8", min_shape=(1, 1), max_shape=(2, 2)).batch([None]).shapes == [(0, 0)]


def test_samples_of_another_rank_are_refused():
    enc = encoder(dtype="int8", min_shape=(1, 1), max_shape=(2, 2))
    with pytest.raises(SampleError, match=r"sample 1 has shape \(3,\); expected 2 dimensions like the others"):
        enc.batch([np.zeros((1, 1), "int8"), np.zeros(3, "int8")])
    with pytest.raises(SampleError, match=r"samples have shape \(3,\); expected 2 dimensions"):
        enc.batch(np.zeros((4, 3), "int8"))


@pytest.mark.parametrize(
    ("htype", "compression"), [("image", None), ("image", "png"), ("generic", "png"), ("image", "lz4")]
)
def test_a_grey_picture_has_one_channel(htype, compression):
    enc = encoder(htype, "uint8", sample_compression=compression)
    assert enc.one(np.zeros((4, 5), "uint8"))[1] == (4, 5, 1)
    assert enc.one(np.zeros((4, 5, 3), "uint8"))[1] == (4, 5, 3)
    batch = enc.batch(np.zeros((2, 4, 5), "uint8"))
    assert {batch.shape} if isinstance(batch, Uniform) else set(batch.shapes) == {(4, 5, 1)}


# ------------------------------------------------------------------ files


def file(array, kind="PNG", **options):
    out = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(out, kind, **options)
    return Sample(out.getvalue(), path="a.png")


COLOUR = np.random.default_rng(0).integers(0, 255, (6, 5, 3), "uint8")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF"])
def test_a_file_of_the_right_kind_is_stored_as_it_is(kind, monkeypatch):
    sample = file(COLOUR, kind)
    monkeypatch.setattr(images, "encode", lambda *_: pytest.fail("it was encoded anew"))
    if kind in {"PNG", "JPEG"}:
        monkeypatch.setattr(images, "decode", lambda *_, **__: pytest.fail("it was decoded"))
    payload, shape = encoder("image", "uint8", sample_compression=kind.lower()).one(sample)
    assert bytes(payload) == bytes(sample.buffer)
    assert shape == (sample.shape if len(sample.shape) == 3 else (*sample.shape, 1))


def test_a_file_of_another_kind_is_encoded_anew():
    enc = encoder("image", "uint8", sample_compression="png")
    payload, shape = enc.one(file(COLOUR, "BMP"))
    assert bytes(payload[:4]) == b"\x89PNG"
    assert np.array_equal(back(enc, payload, shape).array(), COLOUR)
    assert np.array_equal(np.frombuffer(encoder("image", "uint8").one(file(COLOUR))[0], "uint8"), COLOUR.ravel())


def test_a_file_of_deeper_colours_is_not_cut_to_the_dtype():
    deep = np.full((3, 3), 300, "uint16")
    with pytest.raises(SampleError, match="uint16 values do not fit dtype uint8"):
        encoder("image", "uint8", sample_compression="png").one(file(deep))
    enc = encoder("image", "uint16", sample_compression="png")
    payload, shape = enc.one(file(deep))
    assert np.array_equal(back(enc, payload, shape).array()[..., 0], deep)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_are_converted_to_the_mode_of_the_htype(kind):
    grey = Image.fromarray(COLOUR).convert("L")
    name = kind.lower()
    for source in (file(grey, kind), np.asarray(grey), np.asarray(grey)[..., None]):
        payload, shape = encoder("image.rgb", sample_compression=name).one(source)
        assert (shape, Image.open(io.BytesIO(bytes(payload))).mode) == ((6, 5, 3), "RGB")
    for source in (file(COLOUR, kind), COLOUR):
        payload, shape = encoder("image.gray", sample_compression=name).one(source)
        assert (shape, Image.open(io.BytesIO(bytes(payload))).mode) == ((6, 5, 1), "L")
    assert np.asarray(grey).tolist() == np.asarray(Image.fromarray(COLOUR).convert("L")).tolist()


def test_a_file_already_in_the_mode_is_stored_as_it_is():
    for htype, array in [("image.rgb", COLOUR), ("image.gray", COLOUR[..., 0])]:
        sample = file(array, "JPEG")
        assert bytes(encoder(htype, sample_compression="jpeg").one(sample)[0]) == bytes(sample.buffer)


def test_a_palette_is_looked_up_when_colours_are_asked_for():
    sample = file(Image.fromarray(COLOUR).convert("P"))
    enc = encoder("image.rgb", sample_compression="png")
    payload, shape = enc.one(sample)
    expected = np.asarray(Image.open(io.BytesIO(bytes(sample.buffer))).convert("RGB"))
    assert np.array_equal(back(enc, payload, shape).array(), expected)


def test_a_picture_of_lists_is_taken_by_value():
    enc = encoder("image.rgb", sample_compression="png")
    payload, shape = enc.one(COLOUR.tolist())
    assert np.array_equal(back(enc, payload, shape).array(), COLOUR)
    with pytest.raises(SampleError, match="int64 values do not fit dtype uint8"):
        enc.one([[[256, 0, 0]]])


def test_media_cannot_be_made_of_arrays():
    with pytest.raises(SampleError, match=r"mp4 files are stored as they are; append read\(path\), not arrays"):
        encoder("video", sample_compression="mp4").one(np.zeros((1, 2, 2, 3), "uint8"))


# ------------------------------------------------------------------ text, JSON, lists, tags, polygons, links

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.text())
def test_text_comes_back(value):
    enc = encoder("text")
    if value.encode("utf-8", "replace").decode() != value:
        with pytest.raises(SampleError, match="no Unicode"):
            enc.one(value)
        return
    payload, shape = enc.one(value)
    assert (back(enc, payload, shape).value(), shape) == (value, (1,))


@given(JSON)
def test_json_comes_back(value):
    enc = encoder("json")
    payload, shape = enc.one(value)
    assert back(enc, payload, shape).value() == ({} if value is None else value)
    assert shape == (1,)
    payload, shape = encoder("list").one([value, value])
    assert shape == (2,)


@pytest.mark.parametrize(
    ("htype", "value", "payload", "shape"),
    [
        ("text", None, b"", (1,)),
        ("text", np.array("abc"), b"abc", (1,)),
        ("json", None, b"{}", (1,)),
        ("json", float("nan"), b"NaN", (1,)),
        ("list", None, b"[]", (0,)),
        ("list", [], b"[]", (0,)),
        ("list", (1, "a"), b'[1, "a"]', (2,)),
        ("list", np.array([1, 2]), b"[1, 2]", (2,)),
        ("tag", None, b"[null]", (1,)),
        ("tag", [], b"[null]", (1,)),
        ("tag", "cat", b'["cat"]', (1,)),
        ("tag", ["a", "b"], b'["a", "b"]', (2,)),
        ("polygon", None, b"", (0, 0, 0)),
        ("polygon", [], b"", (0, 0, 0)),
    ],
)
def test_bytes_of_values_as_the_original_writes_them(htype, value, payload, shape):
    assert encoder(htype).one(value) == (payload, shape)


@pytest.mark.parametrize(
    ("htype", "value", "message"),
    [
        ("text", b"a", r"expected a string or a number, got a bytes; bytes need a \.decode\(\)"),
        ("text", ["a"], "got a list; .* htype json"),
        ("text", np.array(["a", "b"]), "expected a string or a number, got a ndarray"),
        ("list", "abc", "expected a list, got a str"),
        ("list", {"a": 1}, "expected a list, got a dict"),
        ("list", 5, "expected a list, got a int"),
        ("tag", {"a": 1}, "expected a list, got a dict"),
        ("json", {"a": {1, 2}}, "a set cannot be stored as JSON"),
        ("json", {(1, 2): 3}, "keys must be"),
        ("json", np.array([object()]), "a ndarray of dtype object cannot be stored as JSON"),
        ("json", np.zeros(2, [("a", "i4")]), "cannot be stored as JSON"),
        ("polygon", 5, "expected polygons, each a list of points"),
        ("polygon", [[1, 2], [3, 4]], "expected polygons"),
        ("polygon", [np.zeros((3, 2)), np.zeros((3, 3))], "expected polygons"),
        ("polygon", ["ab"], "do not fit dtype float32"),
        ("polygon", [np.full((3, 2), 1e300)], "float64 values do not fit dtype float32"),
        ("polygon", [np.zeros((65536, 2))], "the format counts to 65535, got 65536"),
        ("polygon", [np.zeros((1, 256))], "expected polygons"),
        ("link[image]", "a.png", r"expected link\(path\), got a str"),
        ("link[image]", Link("\ud800"), "no Unicode"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(htype, value, message):
    with pytest.raises(SampleError, match=f"^tensor 'x': .*{message}"):
        encoder(htype).one(value)


def test_a_polygon_of_the_original():
    polygons = [np.arange(6, dtype="float32").reshape(3, 2), np.arange(10, dtype="float32").reshape(5, 2)]
    enc = encoder("polygon")
    payload, shape = enc.one(polygons)
    assert (payload[:6].hex(), len(payload), shape) == ("020003000500", 70, (2, 5, 2))
    found = back(enc, payload, shape).value()
    assert all(np.array_equal(one, other) for one, other in zip(found, polygons, strict=True))


@given(st.lists(st.integers(0, 4), max_size=4), st.integers(1, 3), st.sampled_from(["float32", "float64", "int16"]))
def test_polygons_come_back(counts, ndim, dtype):
    polygons = [np.arange(count * ndim, dtype="int16").reshape(count, ndim) for count in counts]
    enc = encoder("polygon", dtype)
    payload, shape = enc.one(polygons)
    found = back(enc, payload, shape).value()
    assert [(one.shape, one.dtype.name, one.tolist()) for one in found] == [
        (one.shape, dtype, one.tolist()) for one in polygons
    ]


def test_a_link_is_its_path():
    enc = encoder("link[image]", sample_compression="png")
    assert enc.one(Link("dir/ä.png")) == ("dir/ä.png".encode(), (1,))
    assert enc.one(None) == (b"", (1,))


# ------------------------------------------------------------------ labels


def test_names_become_numbers_in_any_nesting():
    names = ["cat"]
    assert label_numbers(["dog", ["cat", 5], np.array(["bird", "dog"]), None], names) == [1, [0, 5], [2, 1], None]
    assert names == ["cat", "dog", "bird"]


@pytest.mark.parametrize("values", [[1, 2], np.array([1, 2]), [[1], [2]], (1, 2)])
def test_numbers_are_taken_as_they_are(values):
    assert np.array_equal(plain_numbers(values), np.asarray(values))


@pytest.mark.parametrize("values", [["a"], [1, "a"], [[1], [1, 2]], [None, 1]])
def test_names_or_gaps_among_the_numbers(values):
    assert plain_numbers(values) is None


@pytest.mark.parametrize(
    ("htype", "expected"), [("text", True), ("json", True), ("polygon", False), ("image", False), (None, False)]
)
def test_what_is_text_like(htype, expected):
    assert is_text_like(TensorMeta("x", htype)) is expected
