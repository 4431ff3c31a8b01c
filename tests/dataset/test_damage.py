"""Damaged objects and wrong requests: a typed error that names the object and what was expected; nothing is changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.dataset.fsck.examination import examine
from deeplake_nb.errors import (
    DatasetExistsError,
    DatasetNotFoundError,
    DynamicShapeError,
    FormatError,
    HtypeError,
    LakeError,
    LinkError,
    ReadOnlyError,
    RowError,
    SampleError,
    TensorExistsError,
    TensorNotFoundError,
    UnsupportedError,
    UrlError,
    VersionNotFoundError,
)
from deeplake_nb.format.encoders import encode_tiles
from tests.format.fuzz import damaged

from .stores import create, load, memory, objects

_FOLDER = Path("/nowhere")
X_META, X_IDS, X_TILES = "x/tensor_meta.json", "x/chunks_index/unsharded", "x/tiles_index/unsharded"


def fill(ds, folder):
    """A dataset with one tensor of each way to store samples."""
    Image.fromarray(np.full((3, 4, 3), 7, "uint8")).save(folder / "a.png")
    with ds:
        ds.create_tensor("x", dtype="int32")
        ds.create_tensor("varied", dtype="uint8")
        ds.create_tensor("packed", dtype="int16", chunk_compression="lz4")
        ds.create_tensor("each", dtype="int16", sample_compression="lz4")
        ds.create_tensor("text", htype="text")
        ds.create_tensor("js", htype="json")
        ds.create_tensor("label", htype="class_label", class_names=["a", "b"])
        ds.create_tensor("image", htype="image", sample_compression="png")
        ds.create_tensor("seq", htype="sequence[text]")
        ds.create_tensor("linked", htype="link[image]", sample_compression="png")
        ds.create_tensor("polygon", htype="polygon")
        ds.info["about"] = "damage"
    for at in range(4):
        ds.append(row(at, folder))
    return ds


def row(at, folder):
    return {
        "x": np.arange(at, at + 3, dtype="int32"),
        "varied": np.full((at, 2), at, "uint8"),
        "packed": np.full(50, at, "int16"),
        "each": np.full(50, at, "int16"),
        "text": f"row {at}",
        "js": {"at": at},
        "label": at % 2,
        "image": np.full((2, 3, 3), at, "uint8"),
        "seq": ["a", "b"][: at % 3],
        "linked": deeplake.link(str(folder / "a.png")),
        "polygon": [np.ones((3, 2)) * at],
    }


@pytest.fixture
def store(tmp_path):
    storage = memory()
    fill(create(storage), tmp_path).close()
    storage.put(X_TILES, encode_tiles({}), if_absent=True)  # which the original always writes
    return storage


def edit(store, key, **fields):
    """Set fields of a JSON object."""
    record = json.loads(bytes(store.get(key)))
    record.update(fields)
    store.put(key, json.dumps(record).encode())


def refused(error, message, action):
    with pytest.raises(error) as caught:
        action()
    assert re.search(message, str(caught.value)), str(caught.value)
    return caught.value


def chunk_of(store, tensor):
    (key,) = [entry.key for entry in store.list(f"{tensor}/chunks/")]
    return key


# ------------------------------------------------------------------ objects that are damaged

JSON_DAMAGE = {
    "cut off": (lambda data: data[: len(data) // 2], "not a JSON object"),
    "empty": (lambda data: b"", "not a JSON object"),
    "a list": (lambda data: b"[1, 2]", "expected a JSON object, got a list"),
    "no text": (lambda data: b"\xff\xfe\xfd", "not a JSON object"),
    "nested too deep": (lambda data: b"[" * 100_000, "not a JSON object"),
}


@pytest.mark.parametrize("why", JSON_DAMAGE)
@pytest.mark.parametrize("key", ["dataset_meta.json", X_META])
def test_damaged_metadata_is_named_when_the_dataset_is_opened(store, key, why):
    damage, message = JSON_DAMAGE[why]
    store.put(key, damage(bytes(store.get(key))))
    refused(FormatError, f"{key}: {message}", lambda: load(store))


@pytest.mark.parametrize("why", JSON_DAMAGE)
def test_a_damaged_history_is_named_when_the_dataset_is_opened(store, why):
    damage, _ = JSON_DAMAGE[why]
    store.put("version_control_info.json", damage(bytes(store.get("version_control_info.json"))))
    refused(FormatError, "^version_control_info.json: not a ", lambda: load(store))


@pytest.mark.parametrize("why", JSON_DAMAGE)
def test_damaged_info_is_named_when_it_is_read(store, why):
    damage, message = JSON_DAMAGE[why]
    for key in ("dataset_info.json", "label/tensor_info.json"):
        store.put(key, damage(bytes(store.get(key))))
    ds = load(store)
    refused(FormatError, f"dataset_info.json: {message}", lambda: dict(ds.info))
    refused(FormatError, f"label/tensor_info.json: {message}", lambda: dict(ds.label.info))
    assert len(ds.x.numpy()) == 4


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("length", "four", "field 'length' has an unexpected value 'four'"),
        ("length", -1, "field 'length' is no number of rows: -1"),
        ("length", 2**70, "field 'length' is no number of rows"),
        ("length", True, "field 'length' has an unexpected value True"),
        ("dtype", 32, "field 'dtype' has an unexpected value 32"),
        ("dtype", "flaot32", "dtype 'flaot32' is no number"),
        ("dtype", "int33", "int33"),
        ("htype", "imge", r"unknown htype 'imge' \(did you mean 'image'\?\)"),
        ("sample_compression", "jpgg", r"unknown compression 'jpgg' \(did you mean '"),
        ("chunk_compression", "zstd", "unknown compression 'zstd'"),
        ("min_shape", [1, 2], "differ in rank"),
        ("max_shape", [-3], "field 'max_shape' is no shape"),
        ("max_shape", "3", "field 'max_shape' has an unexpected value '3'"),
        ("max_shape", [2**63], "field 'max_shape' is no shape"),
        ("max_shape", [1] * 100, "field 'max_shape' is no shape"),
        ("is_link", 1, "field 'is_link' has an unexpected value 1"),
        ("links", {"_x_id": 5}, "field 'links' has an unexpected value 5"),
        ("links", ["_x_id"], "field 'links' has an unexpected value"),
        ("max_chunk_size", "big", "field 'max_chunk_size' has an unexpected value 'big'"),
        ("name", 5, "field 'name' has an unexpected value 5"),
    ],
)
def test_a_wrong_field_of_a_tensor_is_named(store, field, value, message):
    edit(store, X_META, **{field: value})
    refused(FormatError, f"^{X_META}: .*{message}", lambda: load(store))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("tensors", "x", "field 'tensors' has an unexpected value 'x'"),
        ("tensors", [1], "field 'tensors' has an unexpected value 1"),
        ("tensor_names", {"x": ["x"]}, "field 'tensor_names' has an unexpected value"),
        ("tensor_names", {"x": "gone"}, r"tensor_names mentions \['gone'\]"),
        ("tensor_names", [1], "field 'tensor_names' has an unexpected value"),
        ("hidden_tensors", None, "field 'hidden_tensors' has an unexpected value None"),
        ("allow_delete", "no", "field 'allow_delete' has an unexpected value 'no'"),
    ],
)
def test_a_wrong_field_of_the_dataset_is_named(store, field, value, message):
    edit(store, "dataset_meta.json", **{field: value})
    refused(FormatError, f"^dataset_meta.json: .*{message}", lambda: load(store))


@pytest.mark.parametrize("key", ["dataset_meta.json", X_META])
def test_missing_metadata_is_named(store, key):
    store.delete(key)
    refused(FormatError, f"{key} is missing, though", lambda: load(store))


def test_a_tensor_key_that_leaves_the_dataset_is_refused(store):
    edit(store, "dataset_meta.json", tensors=["../../etc"], tensor_names={"x": "../../etc"})
    refused(UrlError, r"'\.\./\.\./etc/tensor_meta.json' is no key", lambda: load(store))


@pytest.mark.parametrize(
    ("tensor", "key", "damage", "message"),
    [
        ("x", X_IDS, lambda data: data[:-3], f"{X_IDS}: .* no whole number of 16-byte rows"),
        ("x", X_IDS, lambda data: b"", f"{X_IDS}: the table ends at row 0, but {X_META} counts 4"),
        ("x", X_IDS, None, f"{X_IDS}: the table ends at row 0, but {X_META} counts 4"),
        ("x", X_TILES, lambda data: data[:-2], f"{X_TILES}: expected a count"),
        (
            "seq",
            "seq/sequence_index/unsharded",
            lambda data: data[:-24],
            "seq/sequence_index/unsharded: the table ends",
        ),
        ("seq", "seq/sequence_index/unsharded", None, "seq/sequence_index/unsharded: the table ends at row 0"),
        (
            "linked",
            "linked/creds_index/unsharded",
            lambda data: data[:-1],
            "linked/creds_index/unsharded: .*8-byte rows",
        ),
    ],
)
def test_a_damaged_table_is_named_when_rows_are_read(store, tensor, key, damage, message):
    data = bytes(store.get(key))
    store.delete(key) if damage is None else store.put(key, damage(data))
    before = objects(store)
    refused(FormatError, message, lambda: load(store, read_only=True)[tensor].numpy(aslist=True))
    refused(FormatError, message, lambda: load(store)[tensor].append("a" if tensor != "x" else [1, 2, 3]))
    assert objects(store) == before


def test_links_without_a_table_of_credentials_need_none(store, tmp_path):
    store.delete("linked/creds_index/unsharded")
    ds = load(store)
    assert ds.linked[3].numpy()[0, 0].tolist() == [7, 7, 7]
    ds.linked.append(deeplake.link(str(tmp_path / "a.png")))
    assert len(load(store).linked.numpy()) == 5


CREDS = "linked_creds.json"


@pytest.mark.parametrize("why", [*JSON_DAMAGE, "names of others"])
def test_damaged_names_of_credentials_harm_those_links_alone_that_need_them(store, tmp_path, why):
    ds = load(store)
    ds.add_creds_key("own")
    ds.linked.append(deeplake.link(str(tmp_path / "a.png"), creds_key="own"))
    ds.close()
    data = bytes(store.get(CREDS))
    damage, message = JSON_DAMAGE.get(why, (lambda _: b'{"creds_keys": []}', "credentials code 1 of 0"))
    store.put(CREDS, damage(data))
    ds = load(store)
    *others, broken = ds.linked.numpy(aslist=True)
    assert [one[0, 0].tolist() for one in others] == [[7, 7, 7]] * 4
    message = rf"tensor 'linked' row 4: which credentials open .*a\.png is not known: .*{CREDS}.*{message}"
    refused(LinkError, message, lambda: np.asarray(broken))
    refused(LinkError, message, ds.linked[4].numpy)
    refused(LinkError, message, ds.linked[4].creds_key)
    assert ds.linked[4].path()[0].endswith("a.png")
    assert ds.linked[3].creds_key() is None
    ds.linked.append(deeplake.link(str(tmp_path / "a.png")))
    assert len(ds.linked) == 6
    assert ds.x.numpy().tolist() == [list(range(at, at + 3)) for at in range(4)]
    if why != "names of others":
        refused(FormatError, rf"credentials keys of mem://.* cannot be read: {CREDS}: .*fsck\(\)", ds.get_creds_keys)
        refused(FormatError, CREDS, lambda: ds.add_creds_key("more"))
        refused(FormatError, CREDS, lambda: ds.linked.append(deeplake.link("a.png", creds_key="own")))
        before = bytes(store.get(CREDS))
        assert [one.key for one in examine(store, ds._state.open_links).wrong if "link" not in one.message] == [CREDS]
        assert bytes(store.get(CREDS)) == before
    store.put(CREDS, data)
    assert ds.linked[4].creds_key() == "own"


ROWS = ["x", "varied", "packed", "each", "text", "js", "image", "seq", "linked", "polygon"]


@pytest.mark.parametrize("tensor", ROWS)
def test_a_chunk_that_is_cut_off_is_named(store, tensor, tmp_path):
    key = chunk_of(store, tensor)
    store.put(key, bytes(store.get(key))[:-1])
    before = objects(store)
    ds = load(store)
    for action in (
        lambda: ds[tensor].numpy(aslist=True),
        lambda: ds[tensor][1:3].numpy(aslist=True),
        lambda: ds[tensor].append(row(2, tmp_path)[tensor]),
    ):
        refused(FormatError, f"{key}: ", action)
    assert ds["label"].numpy().ravel().tolist() == [0, 1, 0, 1]
    assert objects(store) == before


@pytest.mark.parametrize("tensor", ROWS)
def test_a_chunk_that_is_missing_is_named(store, tensor):
    key = chunk_of(store, tensor)
    store.delete(key)
    ds = load(store)
    refused(FormatError, f"{key} is missing, though the tensor's table names it", lambda: ds[tensor].numpy(aslist=True))
    assert all(isinstance(one, FormatError) for one in flat(ds[tensor].stored([3, 0])))


def flat(rows):
    return [one for row in rows for one in (row if isinstance(row, list) else [row])]


def test_a_row_that_cannot_be_decoded_does_not_take_the_others_with_it(store):
    key = chunk_of(store, "image")
    data = bytearray(store.get(key))
    at = [match.start() for match in re.finditer(b"IDAT", data)][2]
    data[at : at + 4] = b"XXXX"
    store.put(key, data)
    ds = load(store)
    found = []
    for one in ds.image.stored(range(4)):
        try:
            found.append(int(one.array()[0, 0, 0]))
        except FormatError as error:
            found.append(str(error))
    assert found[:2] + found[3:] == [0, 1, 3]
    assert re.match("tensor 'image' row 2: ", found[2])
    refused(FormatError, "tensor 'image' row 2: ", ds.image.numpy)
    assert ds.image[3].numpy()[0, 0, 0] == 3


def test_samples_that_do_not_fit_their_dtype_are_named(store):
    edit(store, X_META, dtype="float64")
    refused(
        FormatError,
        r"x/chunks/\w+: samples of 12 bytes are no float64 arrays of shape \(3,\)",
        load(store).x.numpy,
    )


def test_a_chunk_of_another_tensor_is_not_mistaken(store):
    store.put(chunk_of(store, "image"), bytes(store.get(chunk_of(store, "text"))))
    refused(FormatError, "tensor 'image' row 0: ", load(store).image.numpy)


def test_a_table_that_names_more_rows_than_the_chunk_has(store):
    data = bytearray(store.get(X_IDS))
    data[-8:] = (99).to_bytes(8, "little")
    store.put(X_IDS, data)
    edit(store, X_META, length=100)
    ds = load(store)
    message = r"x/chunks/\w+: expected (at least )?\d+ samples, got 4"
    refused(FormatError, message, ds.x.numpy)
    refused(FormatError, message, ds.x[50].numpy)
    refused(FormatError, "tensor 'x' has 100 samples, its companion '_x_id' only 4", lambda: ds.x.append([1, 2, 3]))
    assert ds.x[3].numpy().tolist() == [3, 4, 5]


def test_class_names_of_the_wrong_type_are_named(store):
    store.put("label/tensor_info.json", b'{"class_names": 5}')
    refused(FormatError, "label/tensor_info.json: field 'class_names'", lambda: load(store).label.append("a"))
    refused(FormatError, "label/tensor_info.json: field 'class_names'", load(store).label.data)


def test_a_pickled_history_is_never_opened(store):
    store.delete("version_control_info.json")
    store.put("version_control_info", b"cos\nsystem\n(S'false'\ntR.")
    refused(UnsupportedError, "pickle.*not safe to open", lambda: load(store))


def test_a_damaged_diff_stops_an_append_before_it_begins(store):
    store.put("x/commit_diff", b"\x01\0")
    before = objects(store)
    ds = load(store)
    refused(FormatError, "x/commit_diff: the object is cut off", lambda: ds.x.append([1, 2, 3]))
    assert (len(ds.x), objects(store)) == (4, before)


KEYS = [
    "dataset_meta.json",
    "version_control_info.json",
    "dataset_info.json",
    "label/tensor_info.json",
    X_META,
    X_IDS,
    "seq/sequence_index/unsharded",
    "linked/creds_index/unsharded",
    X_TILES,
    "packed/tensor_meta.json",
    *[f"{name}/chunk" for name in ROWS],
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_damaged_gives_values_or_our_own_errors(store, data):
    key = data.draw(st.sampled_from(KEYS))
    key = chunk_of(store, key.removesuffix("/chunk")) if key.endswith("/chunk") else key
    original = bytes(store.get(key))
    store.put(key, data.draw(damaged([original])))
    messages = []
    try:
        try:
            ds = load(store, read_only=True)
        except LakeError:
            return
        for one in ds.tensors.values():
            for action in (_len, _text, _rows, _numpy, _data, _one, repr, _shape):
                try:
                    action(one)
                except LakeError as error:
                    messages.append(str(error))
    finally:
        store.put(key, original)
    assert all(messages)


def _len(tensor):
    len(tensor)


def _text(tensor):
    return tensor.text() if tensor.base_htype == "text" else tensor.info.get("class_names")


def _rows(tensor):
    for one in flat(tensor.stored(range(min(len(tensor), 8)))):
        if not isinstance(one, LakeError):
            one.value()


def _numpy(tensor):
    tensor[:8].numpy()


def _data(tensor):
    tensor[:8].data(aslist=True)


def _one(tensor):
    if 0 < len(tensor) < 2**40:
        tensor[-1].numpy()


def _shape(tensor):
    return tensor.shape, tensor[:3].shape


# ------------------------------------------------------------------ requests that are wrong


def test_a_path_that_is_no_dataset(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    before = list(tmp_path.iterdir())
    refused(
        DatasetNotFoundError,
        f"no dataset at {tmp_path}: neither .* is there; check the path",
        lambda: deeplake.load(tmp_path),
    )
    refused(DatasetNotFoundError, "no dataset at", lambda: deeplake.load(tmp_path / "none"))
    refused(DatasetExistsError, "holds other files", lambda: deeplake.empty(tmp_path))
    refused(DatasetExistsError, "holds other files", lambda: deeplake.empty(tmp_path, overwrite=True))
    refused(DatasetNotFoundError, "nothing was deleted", lambda: deeplake.delete(tmp_path))
    assert list(tmp_path.iterdir()) == before


def test_a_dataset_that_exists(tmp_path):
    deeplake.empty(tmp_path).create_tensor("x")
    refused(DatasetExistsError, r"exists at .*; load\(\) it, or pass overwrite=True", lambda: deeplake.empty(tmp_path))
    assert list(deeplake.load(tmp_path).tensors) == ["x"]
    assert list(deeplake.empty(tmp_path, overwrite=True).tensors) == []


def test_names_that_are_unknown(store):
    ds = load(store)
    refused(TensorNotFoundError, r"no tensor or group 'labell' .*did you mean 'label'", lambda: ds["labell"])
    refused(AttributeError, r"no tensor or group 'imge' .*did you mean 'image'", lambda: ds.imge)
    refused(
        VersionNotFoundError,
        r"no branch or commit 'mian' \(did you mean 'main'\?\); branches: main",
        lambda: load(store, address="mian"),
    )
    message = "no value for tensors 'varied', 'packed', 'each', .*'polygon'; a row needs"
    refused(SampleError, message, lambda: ds.append({"x": [1, 2, 3]}))
    full = row(0, _FOLDER)
    wrong = {**full, "lable": 0}
    refused(TensorNotFoundError, r"no tensor or group 'lable'.*did you mean 'label'", lambda: ds.append(wrong))
    refused(
        SampleError,
        "tensors have different numbers of values",
        lambda: ds.extend({name: [value] * (1 + (name == "x")) for name, value in full.items()}),
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"htype": "imge"}, HtypeError, r"unknown htype 'imge' \(did you mean 'image'\?\)"),
        ({"htype": 5}, HtypeError, "an htype is a text such as 'image', got 5"),
        ({"htype": "link"}, HtypeError, r"a link needs the htype of what it points to, such as link\[image\]"),
        ({"htype": "sequence[tag]"}, HtypeError, r"use sequence\[text\]"),
        ({"htype": "link[link[image]]"}, HtypeError, r"has link\[\.\.\.\] twice"),
        (
            {"htype": "image"},
            HtypeError,
            "htype image needs a sample_compression, such as 'jpeg'; None stores raw arrays",
        ),
        ({"sample_compression": "jpg2"}, HtypeError, r"unknown compression 'jpg2' \(did you mean"),
        ({"sample_compression": 5}, HtypeError, "unknown compression 5"),
        ({"sample_compression": "png", "chunk_compression": "lz4"}, HtypeError, "not both"),
        ({"htype": "text", "sample_compression": "png"}, HtypeError, "png does not go with htype text; expected lz4"),
        ({"htype": "text", "dtype": "int32"}, HtypeError, "htype text stores strings; dtype 'int32' does not fit"),
        ({"htype": "video", "sample_compression": "png"}, HtypeError, "expected sample_compression of mp4, mkv, avi"),
        ({"dtype": "flaot"}, HtypeError, "'flaot' is no numpy dtype, such as 'float32'"),
        ({"dtype": "U5"}, HtypeError, "use htype='text' or 'json' for other values"),
        ({"dtype": object}, HtypeError, "is no number"),
        (
            {"htype": "class_label", "clas_names": ["a"]},
            HtypeError,
            r"no option 'clas_names' \(did you mean 'class_names'\?\)",
        ),
        ({"class_names": ["a"]}, HtypeError, "htype generic has no option 'class_names'"),
        ({"htype": "class_label", "class_names": "cat"}, HtypeError, "class_names is a list"),
        ({"htype": "class_label", "class_names": [1, 2]}, HtypeError, "class_names is a list of strings"),
        ({"htype": "class_label", "class_names": 5}, HtypeError, "class_names is a list"),
        ({"htype": "bbox", "coords": ["type"]}, HtypeError, "coords has 'type' and 'mode'"),
        ({"htype": "bbox", "coords": {"mood": "LTRB"}}, HtypeError, "coords has 'type' and 'mode'"),
        (
            {"htype": "bbox", "coords": {"mode": "XYXY"}},
            HtypeError,
            "coords has no mode 'XYXY'; it is one of LTRB, LTWH, CCWH",
        ),
        ({"htype": "bbox.3d", "coords": {"type": "pixel"}}, HtypeError, "coords has 'mode', got"),
        ({"htype": "bbox.3d", "coords": {"mode": 5}}, HtypeError, "coords has no mode 5; it is a text"),
        ({"htype": "keypoints_coco", "keypoints": [object()]}, HtypeError, "keypoints cannot be stored"),
        ({"max_chunk_size": 0}, HtypeError, "max_chunk_size is a positive number"),
        ({"max_chunk_size": "1MB"}, HtypeError, "max_chunk_size is a int, got '1MB'"),
    ],
)
def test_a_tensor_that_cannot_be_made(store, arguments, error, message):
    ds, before = load(store), objects(store)
    tensors = list(ds._state.tensors)
    refused(error, message, lambda: ds.create_tensor("new", **arguments))
    assert (list(ds._state.tensors), objects(store)) == (tensors, before)
    ds.create_tensor("new")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "../a",
        "a/../b",
        ".a",
        "a/.b",
        "a,b",
        "a:b",
        "a\\b",
        "a\nb",
        "versions",
        "versions/a",
        "dataset_meta.json",
        "version_control_info.json/a",
        "dataset_lock.lock",
        "\ud800",
        5,
        None,
    ],
)
def test_a_name_that_no_tensor_can_have(store, name):
    ds, before = load(store), objects(store)
    refused(HtypeError, "is no tensor name", lambda: ds.create_tensor(name))
    assert objects(store) == before


def test_names_that_are_taken(store):
    ds = load(store)
    ds.create_tensor("group/inner/a")
    refused(TensorExistsError, "'x' exists already", lambda: ds.create_tensor("x"))
    refused(TensorExistsError, "'group' exists already", lambda: ds.create_tensor("group"))
    refused(TensorExistsError, "'x/y' lies below a tensor", lambda: ds.create_tensor("x/y"))
    ds.create_tensor("_new_id").append(7)
    refused(
        TensorExistsError,
        "'new' needs the hidden tensor '_new_id', a name already taken",
        lambda: ds.create_tensor("new"),
    )
    assert ds["_new_id"].numpy().tolist() == [[7]]
    assert ds.create_tensor("x", exist_ok=True).numpy().shape == (4, 3)


def test_values_that_do_not_fit(store):
    ds, before = load(store), objects(store)
    refused(
        SampleError,
        r"tensor 'x': samples have shape \(2, 2\); expected 1 dimensions",
        lambda: ds.x.append(np.ones((2, 2), "int32")),
    )
    refused(
        SampleError,
        "tensor 'x': float64 values do not fit dtype int32 without loss.*astype",
        lambda: ds.x.append([1.5]),
    )
    refused(
        SampleError,
        r"tensor 'x': expected an array .* got a str \(append read\(path\) for a file\)",
        lambda: ds.x.append("a.png"),
    )
    refused(SampleError, "tensor 'text': expected a string or a number, got a bytes", lambda: ds.text.append(b"5"))
    refused(SampleError, "tensor 'js': a object cannot be stored as JSON", lambda: ds.js.append(object()))
    refused(
        SampleError, r"tensor 'js': a ndarray of dtype object", lambda: ds.js.append({"a": np.array([1, "b"], object)})
    )
    refused(SampleError, r"tensor 'linked': expected link\(path\), got a str", lambda: ds.linked.append("a.png"))
    refused(
        LinkError,
        r"tensor 'linked': the linked file /none/at/all.png cannot be read",
        lambda: ds.linked.append(deeplake.link("/none/at/all.png")),
    )
    refused(LakeError, "/none/at/all.png", lambda: ds.image.append(deeplake.read("/none/at/all.png")))
    refused(SampleError, "tensor 'polygon': ", lambda: ds.polygon.append([[1, 2], [3]]))
    refused(SampleError, "info: ", lambda: ds.info.update(a=object()))
    assert objects(store) == before
    ds.append(row(4, _FOLDER) | {"linked": None})


def test_rows_out_of_range(store):
    ds = load(store)
    refused(RowError, "row 4 is out of range; there are 4 rows", lambda: ds[4])
    refused(RowError, "row -5 is out of range; there are 4 rows", lambda: ds.x[-5])
    refused(RowError, "tensor 'x': row 9 is out of range; there are 4 rows", lambda: ds.x.stored([0, 9]))
    refused(RowError, "takes one row", ds.x.tobytes)
    refused(
        DynamicShapeError,
        r"samples have several shapes \(\(0, 2\), \(1, 2\), \(2, 2\), ...\); read them with numpy\(aslist=True\)",
        ds.varied.numpy,
    )
    refused(HtypeError, r"htype generic; text\(\) is for text tensors", ds.x.text)
    refused(HtypeError, r"path\(\) is for link tensors", ds.x.path)


def test_a_dataset_opened_for_reading_cannot_be_changed(store):
    ds, before = load(store, read_only=True), objects(store)
    for action in (
        lambda: ds.x.append([1, 2, 3]),
        lambda: ds.append(row(0, _FOLDER)),
        lambda: ds.create_tensor("new"),
        lambda: ds.info.update(a=1),
        lambda: ds.label.info.update(class_names=[]),
    ):
        refused(ReadOnlyError, "read", action)
    with ds:
        ds.flush()
    assert objects(store) == before
