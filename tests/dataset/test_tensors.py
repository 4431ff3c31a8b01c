"""Every htype, compression and shape: what is appended is read, now and by whoever opens the dataset next."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.errors import DynamicShapeError, SampleError
from deeplake_nb.format.codecs import images
from deeplake_nb.format.samples import Link

from .stores import create, load, memory

RANDOM = np.random.default_rng(0)


def pictures(count, *channels):
    return [RANDOM.integers(0, 255, (4 + at % 3, 5, *channels), "uint8") for at in range(count)]


SAMPLES = {
    "generic": [np.full((2, 3), at, "float32") for at in range(5)],
    "image": pictures(5, 3),
    "image.rgb": pictures(5, 3),
    "image.gray": pictures(5),
    "class_label": [np.array([at, at + 1], "uint32") for at in range(5)],
    "tag": [["a", "b"][: 1 + at % 2] for at in range(5)],
    "bbox": [np.full((at, 4), at, "float32") for at in range(5)],
    "bbox.3d": [np.full((at, 8), at, "float32") for at in range(5)],
    "binary_mask": [RANDOM.integers(0, 2, (3, 4)).astype(bool) for _ in range(5)],
    "segment_mask": [RANDOM.integers(0, 9, (3, 4)).astype("uint32") for _ in range(5)],
    "instance_label": [np.array([at], "uint32") for at in range(5)],
    "keypoints_coco": [np.full((3, at), at, "int32") for at in range(5)],
    "point": [np.full((at, 2), at, "int32") for at in range(5)],
    "intrinsics": [np.eye(3, dtype="float32") * at for at in range(5)],
    "embedding": [np.full(16, at, "float32") for at in range(5)],
    "polygon": [[np.full((3 + at, 2), at, "float32")] * at for at in range(5)],
    "text": ["", "word", "zwölf Boxkämpfer", "日本", "a\0b"],
    "json": [{}, {"a": [1, None]}, [1, 2], "text", 5],
    "list": [[], [1], ["a", {"b": 2}], [[1, 2], [3]], [None]],
}
LZ4 = {"plain": {}, "lz4": {"sample_compression": "lz4"}, "chunk": {"chunk_compression": "lz4"}}
PICTURES = {name: {"sample_compression": name} for name in (None, "lz4", "png", "bmp", "tiff")} | {
    "chunk": LZ4["chunk"]
}
CASES = [
    pytest.param(htype, given, id=f"{htype} {name}")
    for htype in SAMPLES
    for name, given in (PICTURES if htype.startswith("image") else LZ4).items()
]


def values(tensor):
    """All rows as Python and numpy have them."""
    if tensor.base_htype in {"text", "json", "tag", "list"}:
        return tensor.data()["value"]
    return tensor.numpy(aslist=True)


def is_same(found, expected):
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and found.shape == expected.shape and np.array_equal(found, expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(is_same, found, expected))
    return type(found) is type(expected) and found == expected


@pytest.fixture
def store():
    return memory()


@pytest.mark.parametrize("limit", [None, 100], ids=["one chunk", "many chunks"])
@pytest.mark.parametrize(("htype", "given"), CASES)
def test_every_htype_is_read_as_it_was_written(store, htype, given, limit):
    samples = SAMPLES[htype]
    ds = create(store)
    x = ds.create_tensor("x", htype=htype, max_chunk_size=limit, **given)
    x.extend(samples[:3])
    x.append(samples[3])
    with ds:
        x.append(samples[4])
    if htype == "image.gray" and given.get("sample_compression") not in {None, "lz4"}:
        samples = [one[..., None] for one in samples]  # of files, as the original has it
    for tensor in (x, load(store).x):
        assert len(tensor) == 5
        assert tensor.htype == htype
        assert is_same(values(tensor), samples)
        assert is_same(values(tensor[3:]) + values(tensor[:3]), samples[3:] + samples[:3])
        for at in range(5):
            assert is_same(values(tensor[[at]]), [samples[at]])
    low, high = x.shape_interval
    if isinstance(samples[0], np.ndarray):
        assert low[1:] == tuple(np.min([one.shape for one in samples], axis=0))
        assert high[1:] == tuple(np.max([one.shape for one in samples], axis=0))
        shapes = ds["_x_shape"].numpy(aslist=True)
        assert [tuple(one) for one in shapes] == [one.shape for one in samples]
    assert len(set(ds["_x_id"].numpy().ravel().tolist())) == 5


@pytest.mark.parametrize(
    "htype", ["generic", "image", "class_label", "bbox", "text", "json", "binary_mask", "embedding"]
)
@pytest.mark.parametrize(
    "given", [{}, {"sample_compression": "lz4"}, {"chunk_compression": "lz4"}], ids=["", "lz4", "chunk"]
)
def test_sequences_of_every_kind(store, htype, given):
    samples = SAMPLES[htype]
    rows = [samples[:2], [], None, samples[2:5], [samples[0]]]
    given = given or ({"sample_compression": "png"} if htype == "image" else {})
    ds = create(store)
    x = ds.create_tensor("x", htype=f"sequence[{htype}]", max_chunk_size=200, **given)
    x.extend(rows[:2])
    for row in rows[2:]:
        x.append(row)
    expected = [row or [] for row in rows]
    for tensor in (x, load(store).x):
        assert (len(tensor), tensor.htype, tensor.is_sequence) == (5, f"sequence[{htype}]", True)
        assert is_same(values(tensor), expected)
        assert is_same(values(tensor[[3, 0]]), [expected[3], expected[0]])
        if htype not in {"text", "json"}:
            assert is_same(tensor[3].numpy(aslist=True), expected[3])
            assert is_same(tensor[3][1].numpy(), expected[3][1])
            assert tensor[1].numpy(aslist=True) == []
    assert (x.meta.length, len(ds["_x_id"])) == (6, 5)


LOSSY = ["jpeg", "webp", "jpeg2000"]


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_pictures_are_near(store, name):
    ramp = np.add.outer(np.arange(40), np.arange(50)).astype("uint8")
    array = np.stack([ramp, ramp, 255 - ramp], axis=2)
    ds = create(store)
    x = ds.create_tensor("x", htype="image", sample_compression=name)
    x.extend([array, array[:20]])
    found = load(store).x.numpy(aslist=True)
    assert [one.shape for one in found] == [(40, 50, 3), (20, 50, 3)]
    assert np.abs(found[0].astype(int) - array).mean() < 4


# ------------------------------------------------------------------ shapes


def test_missing_and_empty_samples_of_every_shape(store):
    samples = [
        None,
        np.zeros((0, 3), "int16"),
        np.ones((2, 3), "int16"),
        np.zeros((2, 0), "int16"),
        None,
        np.ones((1, 1), "int16"),
    ]
    for given in ({}, {"sample_compression": "lz4"}, {"chunk_compression": "lz4"}):
        ds = create(memory())
        x = ds.create_tensor("x", **given)
        for sample in samples:
            x.append(sample)
        for tensor in (x, load(ds._state.storage).x):
            assert [one.shape for one in tensor.numpy(aslist=True)] == [(0, 0), (0, 3), (2, 3), (2, 0), (0, 0), (1, 1)]
            assert tensor.shape_interval == ((6, 0, 0), (6, 2, 3))


def test_only_missing_samples(store):
    ds = create(store)
    x = ds.create_tensor("x", dtype="int8")
    x.extend([None, None])
    ds.create_tensor("image", htype="image", sample_compression="png").append(None)
    ds.create_tensor("text", htype="text").append(None)
    ds.create_tensor("js", htype="json").append(None)
    again = load(store)
    assert [one.size for one in again.x.numpy(aslist=True)] == [0, 0]
    assert again.image[0].numpy().size == 0
    assert (again.text[0].text(), again.js[0].dict()) == ("", {})
    x.append(np.ones((2, 2), "int8"))
    assert [one.shape for one in load(store).x.numpy(aslist=True)] == [(0, 0), (0, 0), (2, 2)]


def test_a_number_is_a_sample_of_one(store):
    x = create(store).create_tensor("x")
    x.append(5)
    x.append(np.int64(6))
    x.append(np.array(7))
    x.extend([8, 9])
    assert load(store).x.numpy().tolist() == [[5], [6], [7], [8], [9]]


def test_several_shapes_are_no_one_array(store):
    x = create(store).create_tensor("x")
    x.extend([np.ones(2), np.ones(3)])
    with pytest.raises(DynamicShapeError):
        x.numpy()
    assert x.is_dynamic
    assert x.shape == (2, None)
    assert x[0:1].numpy().shape == (1, 2)


def test_a_large_batch_fills_many_chunks_and_is_read_across_them(store):
    array = np.arange(5000 * 7, dtype="int32").reshape(5000, 7)
    x = create(store).create_tensor("x", max_chunk_size=2800)
    x.extend(array[:1234])
    x.extend(array[1234:])
    for tensor in (x, load(store).x):
        assert np.array_equal(tensor.numpy(), array)
        assert np.array_equal(tensor[45:2053:7].numpy(), array[45:2053:7])
        rows = RANDOM.integers(0, 5000, 300)
        assert np.array_equal(tensor[rows.tolist()].numpy(), array[rows])
    assert len(list(store.list("x/chunks/"))) == 100, "each holds half of the maximum"


def test_a_generator_is_taken_in_slabs(store):
    alive = []

    class Counted:
        def __init__(self, at):
            self.at = at
            alive.append(at)

        def __array__(self, dtype=None, copy=None):
            alive.remove(self.at)
            return np.full(3, self.at)

    most = []

    def values():
        for at in range(3000):
            most.append(len(alive))
            yield Counted(at)

    x = create(store).create_tensor("x", dtype="int64")
    x.extend(values())
    assert max(most) <= 1000
    assert x.numpy()[:, 0].tolist() == list(range(3000))


@pytest.mark.parametrize(
    "batch",
    [
        [1, 2, 3],
        (1, 2, 3),
        range(1, 4),
        np.array([1, 2, 3]),
        iter([1, 2, 3]),
        dict.fromkeys([1, 2, 3]).keys(),
        [np.int64(1), np.int64(2), np.int64(3)],
        [[1], [2], [3]],
    ],
)
def test_any_kind_of_batch(store, batch):
    x = create(store).create_tensor("x", dtype="int64")
    x.extend(batch)
    assert load(store).x.numpy().tolist() == [[1], [2], [3]]


def test_a_tensor_is_a_batch_for_another(store):
    ds = create(store)
    ds.create_tensor("a").extend(np.arange(10).reshape(5, 2))
    ds.create_tensor("b").extend(ds.a[1:4])
    assert ds.b.numpy().tolist() == [[2, 3], [4, 5], [6, 7]]


# ------------------------------------------------------------------ files


@pytest.fixture
def files(tmp_path):
    made = {}
    for at, (kind, mode) in enumerate(itertools.product(["png", "jpeg", "bmp"], ["RGB", "L"])):
        image = Image.fromarray(RANDOM.integers(0, 255, (6 + at, 5, 3), "uint8")).convert(mode)
        made[kind, mode] = tmp_path / f"{kind}-{mode}.{kind}"
        image.save(made[kind, mode])
    return made


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_files_pass_through_undecoded(store, files, kind, monkeypatch):
    monkeypatch.setattr(images, "decode", lambda *_, **__: pytest.fail("a picture was decoded"))
    monkeypatch.setattr(images, "encode", lambda *_, **__: pytest.fail("a picture was encoded"))
    ds = create(store)
    x = ds.create_tensor("x", htype="image", sample_compression=kind)
    paths = [files[kind, "RGB"], files[kind, "L"]]
    x.append(deeplake.read(paths[0]))
    x.extend([deeplake.read(path) for path in paths])
    again = load(store).x
    assert [again[at].tobytes() for at in range(3)] == [path.read_bytes() for path in [paths[0], *paths]]
    assert [again[at].shape[2] for at in range(3)] == [3, 3, 1]
    info = again.sample_info
    assert [one["filename"] for one in info] == [paths[0].name, *(path.name for path in paths)], "never the folder"
    assert info[2] == {
        "shape": list(again[2].shape), "format": kind, "filename": paths[1].name, "modified": False, "exif": {},
    }  # fmt: skip


def test_files_of_another_kind_are_encoded_anew(store, files):
    x = create(store).create_tensor("x", htype="image", sample_compression="png")
    x.extend([deeplake.read(files["bmp", "RGB"]), deeplake.read(files["jpeg", "L"])])
    for at, key in enumerate([("bmp", "RGB"), ("jpeg", "L")]):
        expected = np.asarray(Image.open(files[key]))
        assert np.array_equal(load(store).x[at].numpy().squeeze(), expected)
        assert Image.open(io.BytesIO(x[at].tobytes())).format == "PNG"


def test_a_file_that_is_read_is_the_one_of_that_moment_and_folder(store, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sample = deeplake.read("png-RGB.png")
    monkeypatch.chdir("/")
    x = create(store).create_tensor("x", htype="image", sample_compression="png")
    x.append(sample)
    assert x[0].tobytes() == files["png", "RGB"].read_bytes()


def test_grey_pictures_of_any_origin_have_one_channel(store, files):
    x = create(store).create_tensor("x", htype="image", sample_compression="png")
    x.append(np.zeros((4, 5), "uint8"))
    x.append(np.zeros((4, 5, 1), "uint8"))
    x.append(deeplake.read(files["png", "L"]))
    x.append(np.zeros((4, 5, 3), "uint8"))
    assert [x[at].numpy().shape[2] for at in range(4)] == [1, 1, 1, 3]


def test_pictures_are_converted_to_the_mode_of_the_htype(store, files):
    ds = create(store)
    ds.create_tensor("rgb", htype="image.rgb", sample_compression="png")
    ds.create_tensor("gray", htype="image.gray", sample_compression="png")
    for tensor in (ds.rgb, ds.gray):
        tensor.extend(
            [deeplake.read(files["png", "RGB"]), deeplake.read(files["jpeg", "L"]), np.zeros((4, 5), "uint8")]
        )
    assert [one.shape[2] for one in load(store).rgb.numpy(aslist=True)] == [3, 3, 3]
    assert [one.shape[2] for one in load(store).gray.numpy(aslist=True)] == [1, 1, 1]
    assert np.array_equal(ds.gray[0].numpy()[..., 0], np.asarray(Image.open(files["png", "RGB"]).convert("L")))


# ------------------------------------------------------------------ links


@pytest.fixture
def linked(store):
    return create(store).create_tensor("x", htype="link[image]", sample_compression="png")


def test_links_are_read_from_where_they_lead(store, linked, files):
    paths = [str(files[key]) for key in (("png", "RGB"), ("jpeg", "L"), ("bmp", "RGB"))]
    linked.append(deeplake.link(paths[0]))
    linked.extend([None, *map(deeplake.link, paths[1:])])
    again = load(store).x
    assert [one.tolist() for one in again.path()] == [[one] for one in (paths[0], "", *paths[1:])]
    assert (again.htype, again.is_link, again[1].path().tolist()) == ("link[image]", True, [""])
    for at, path in [(0, paths[0]), (2, paths[1]), (3, paths[2])]:
        assert np.array_equal(again[at].numpy().squeeze(), np.asarray(Image.open(path)))
        assert again[at].tobytes() == Path(path).read_bytes()
    assert again[2].shape[2] == 1
    assert again[1].numpy().size == 0
    assert [one.get("filename") for one in again.sample_info] == ["png-RGB.png", None, "jpeg-L.jpeg", "bmp-RGB.bmp"]
    assert again.shape_interval[1] == (4, 10, 5, 3)


def test_a_relative_link_of_the_original_is_looked_up_in_the_working_folder(
    store, linked, files, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    linked.append(Link("png-RGB.png"))
    assert linked[0].path().tolist() == ["png-RGB.png"]
    assert load(store).x[0].numpy().shape == (6, 5, 3)
    monkeypatch.chdir("/")
    (found,) = load(store).x.stored([0])
    assert "the linked file png-RGB.png cannot be read" in str(found)
    assert found.kind == "link"


def test_a_link_that_was_broken_later_does_not_take_the_others_with_it(store, linked, files):
    keep, lose, spoil = files["png", "RGB"], files["png", "L"], files["bmp", "RGB"]
    linked.extend([deeplake.link(str(path)) for path in (keep, lose, spoil, keep)])
    lose.unlink()
    spoil.write_bytes(b"no picture")
    found = load(store).x.stored(range(4))
    assert [getattr(one, "kind", "fine") for one in found] == ["fine", "link", "link", "fine"]
    assert str(lose) in str(found[1])
    assert str(spoil) in str(found[2])
    assert load(store).x[[0, 3]].numpy().shape == (2, 6, 5, 3)


def test_links_that_are_not_verified_may_lead_nowhere(store):
    ds = create(store)
    x = ds.create_tensor("x", htype="link[image]", sample_compression="png", verify=False)
    x.append(deeplake.link("/none/at/all.png"))
    assert x.path(aslist=False).tolist() == [["/none/at/all.png"]]
    assert x.shape_interval == ((1,), (1,))
    assert "_x_shape" not in ds._state.meta.tensor_names


def test_sequences_of_links(store, files):
    ds = create(store)
    x = ds.create_tensor("x", htype="sequence[link[image]]", sample_compression="png")
    png, jpeg = (deeplake.link(str(files[kind, "RGB"])) for kind in ("png", "jpeg"))
    x.extend([[png, jpeg], [], [jpeg]])
    again = load(store).x
    assert again.htype == "link[sequence[image]]"
    assert [[one.shape for one in row] for row in again.numpy(aslist=True)] == [[(6, 5, 3), (8, 5, 3)], [], [(8, 5, 3)]]


# ------------------------------------------------------------------ labels and descriptions


def test_class_names_grow_with_the_labels(store):
    ds = create(store)
    x = ds.create_tensor("x", htype="class_label", class_names=["cat"])
    x.append("dog")
    x.extend(["cat", ["bird", "dog"], 1])
    again = load(store).x
    assert again.info.class_names == ["cat", "dog", "bird"]
    assert [one.tolist() for one in again.numpy(aslist=True)] == [[1], [0], [2, 1], [1]]
    assert again.data(aslist=True)["text"] == [["dog"], ["cat"], ["bird", "dog"], ["dog"]]
    assert again[2].data()["text"] == ["bird", "dog"]


def test_labels_beyond_the_names_have_none(store):
    x = create(store).create_tensor("x", htype="class_label", class_names=["cat"])
    x.extend([0, 7])
    assert x.data()["text"] == [["cat"], [None]]


def test_many_names_do_not_take_long(store):
    import time

    names = [f"class {at}" for at in range(2000)]
    ds = create(store)
    few = ds.create_tensor("few", htype="class_label", class_names=names[:20])
    x = ds.create_tensor("x", htype="class_label", class_names=names)

    def seconds(tensor, values):
        started = time.process_time()
        tensor.extend(values)
        return time.process_time() - started

    seconds(few, names[:20] * 100)
    assert seconds(x, names * 20) < 10 * seconds(few, names[:20] * 2000) + 0.2, "as many values of few names"
    assert x.numpy().ravel().tolist() == list(range(2000)) * 20


@pytest.mark.parametrize(
    ("samples", "htype", "dtype", "read"),
    [
        ([1, 2], "generic", "int64", [[1], [2]]),
        ([1.5, 2], "generic", "float64", [[1.5], [2]]),
        ([True, False], "generic", "int64", [[1], [0]]),
        ([np.True_, np.False_], "generic", "bool", [[True], [False]]),
        (["a", "b"], "text", "<U0", [["a"], ["b"]]),
        ([{"a": 1}, {}], "json", "object", [[{"a": 1}], [{}]]),
        (np.ones((2, 3), "float16"), "generic", "float16", [[1, 1, 1], [1, 1, 1]]),
        ([None, 3], "generic", "int64", None),
    ],
)
def test_an_untyped_tensor_takes_the_type_of_its_first_sample(store, samples, htype, dtype, read):
    x = create(store).create_tensor("x")
    assert (x.htype, x.dtype) == ("generic", None)
    x.extend(samples)
    again = load(store).x
    assert (again.htype, again.dtype) == (htype, np.dtype(dtype))
    if read is not None:
        assert again.numpy().tolist() == read


def test_a_given_dtype_is_kept(store):
    x = create(store).create_tensor("x", dtype="float32")
    x.append([1, 2])
    assert (x.dtype, x.numpy().tolist()) == (np.dtype("float32"), [[1, 2]])
    with pytest.raises(SampleError):
        x.append("word")


def test_items_of_several_shapes_are_told_row_by_row(store):
    x = create(store).create_tensor("x", htype="sequence[bbox]")
    x.extend([[np.ones((count, 4), "float32") for count in counts] for counts in [(1, 2), (3,), ()]])
    assert [rows.tolist() for rows in x.shapes()] == [[[1, 4], [2, 4]], [[3, 4]], []]
    assert x[0:1].shapes().tolist() == [[[1, 4], [2, 4]]]
    assert x[0].shape_interval == ((1, 2, 1, 4), (1, 2, 2, 4))
    assert x[2:].shape_interval == ((1, 0, 0, 0), (1, 0, 0, 0))
    assert x[0:0].shape == (0, None, None, 4)
    assert x[1].is_dynamic is False


def test_a_matrix_is_one_row(store):
    x = create(store).create_tensor("x")
    with pytest.warns(PendingDeprecationWarning):
        x.append(np.matrix([[1, 2], [3, 4]]))
    assert x.numpy().tolist() == [[[1, 2], [3, 4]]]


def test_a_mask_with_a_number_that_png_lacks_in_a_later_tile_adds_nothing(store):
    x = create(store).create_tensor("x", htype="segment_mask", sample_compression="png", tiling_threshold=1 << 12)
    mask = np.zeros((200, 200), "uint32")
    x.append(mask)
    mask[-1, -1] = 70_000
    with pytest.raises(SampleError, match="it holds numbers from 0 to 65535"):
        x.append(mask)
    assert x.numpy().shape == load(store).x.numpy().shape == (1, 200, 200, 1)


def test_arrays_that_are_read_may_be_written_to(store):
    ds = create(store)
    ds.create_tensor("fixed").extend(np.zeros((3, 2)))
    ds.create_tensor("varied").extend([np.zeros(2), np.zeros(3)])
    ds.create_tensor("image", htype="image", sample_compression="png").extend(pictures(3, 3))
    ds.create_tensor("seq", htype="sequence[generic]").extend([[np.zeros(2)], [np.zeros(3)]])
    for again in (load(store), load(store)):
        for _ in range(2):
            arrays = [again.fixed.numpy(), again.fixed[0].numpy(), again.varied[0].numpy(), again.image[1].numpy()]
            arrays += again.varied.numpy(aslist=True) + again.seq.numpy(aslist=True)[0] + again.image.numpy(aslist=True)
            for array in arrays:
                array[...] = 77
        assert again.fixed.numpy().max() == again.varied[1].numpy().max() == 0


def test_data_has_what_describes_the_values(store, files):
    ds = create(store)
    ds.create_tensor("box", htype="bbox", coords={"type": "pixel", "mode": "LTWH"}).append(
        np.ones((1, 4)) if False else np.ones((1, 4), "float32")
    )
    ds.create_tensor("image", htype="image", sample_compression="png").append(deeplake.read(files["png", "RGB"]))
    ds.create_tensor("text", htype="text").append("word")
    again = load(store)
    assert again.box[0].data()["coords"] == {"type": "pixel", "mode": "LTWH"}
    assert again.image[0].data()["sample_info"]["format"] == "png"
    assert again.text.data() == {"value": ["word"]}
    assert again.text[0].data() == {"value": "word"}


def test_shapes_and_their_bounds():
    ds = create(memory())
    x = ds.create_tensor("x", dtype="int32")
    x.extend([np.ones((2, 3), "int32"), np.ones((1, 3), "int32")])
    assert x.shapes().tolist() == [[2, 3], [1, 3]]
    assert x[1].shapes().tolist() == [[1, 3]]
    assert (x.shape_interval.lower, x.shape_interval.upper) == ((2, 1, 3), (2, 2, 3))
    assert str(x.shape_interval) == "(2, 1:2, 3)"
    same = ds.create_tensor("same", dtype="int32")
    same.extend(np.ones((5, 2), "int32"))
    assert same[1:4].shapes().tolist() == [[2]] * 3
    late = ds.create_tensor("late", dtype="int32")
    late.append(1)
    assert (ds.min_len, ds.max_len, len(ds.min_view)) == (1, 5, 1)
