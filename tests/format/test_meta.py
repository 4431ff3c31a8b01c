"""JSON objects: bytes of the original, fields that are missing, unknown or wrong, and the format's extensions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deeplake_nb as deeplake
from deeplake_nb.errors import FormatError
from deeplake_nb.format.meta import DatasetMeta, LinkedCreds, TensorMeta, decode_json, encode_json, encode_records
from deeplake_nb.format.samples import Sample

from .fuzz import damaged, survives

X = b"""{"chunk_compression": null, "dtype": "float32", "hidden": false, "htype": "generic", "is_link": false,
 "is_sequence": false, "length": 8,
 "links": {"_x_id": {"extend": "extend_id", "flatten_sequence": false},
           "_x_shape": {"extend": "extend_shape", "flatten_sequence": true, "update": "update_shape"}},
 "max_chunk_size": null, "max_shape": [5, 4], "min_shape": [0, 0], "name": "x",
 "sample_compression": null, "tiling_threshold": null, "typestr": null, "verify": true, "version": "3.9.52"}"""
DATASET = json.dumps(
    {
        "allow_delete": True,
        "default_index": [{"start": None, "stop": None, "step": None}],
        "groups": ["g2"],
        "hidden_tensors": ["g1/_x_id"],
        "tensor_names": {"g2/x": "g1/x", "g2/_x_id": "g1/_x_id"},
        "tensors": ["g1/x", "g1/_x_id"],
        "version": "3.9.52",
    }
).encode()
CREDS = b'{"creds_keys": ["a", "b"], "managed_creds_keys": [], "used_creds_keys": ["b"]}'


def tensor(data, key="x"):
    return TensorMeta.decode(data, "x/tensor_meta.json", key)


# ------------------------------------------------------------------ tensor_meta.json


def test_a_tensor_of_the_original():
    meta = tensor(X)
    assert (meta.name, meta.htype, meta.dtype, meta.length, meta.min_shape, meta.max_shape) == (
        "x", "generic", "float32", 8, (0, 0), (5, 4),
    )  # fmt: skip
    assert list(meta.links) == ["_x_id", "_x_shape"]
    assert json.loads(meta.encode()) == json.loads(X)
    assert tensor(meta.encode()) == meta


def test_fields_that_old_versions_lack():
    meta = tensor(b'{"length": 2, "dtype": "int32", "max_shape": [3], "min_shape": [3]}', "folder/x")
    assert meta == TensorMeta("folder/x", dtype="int32", length=2, min_shape=(3,), max_shape=(3,))
    assert (meta.full_htype, meta.is_fixed_shape, meta.chunk_target, meta.verify) == ("generic", True, 8_000_000, True)


def test_fields_that_are_unknown_are_kept():
    record = {**json.loads(X), "vdb_indexes": [{"id": "a"}], "_info": ["class_names"], "future": {"b": [1]}}
    assert json.loads(tensor(json.dumps(record).encode()).encode()) == record


def test_names_of_compressions_are_made_ours():
    assert tensor(b'{"length": 0, "sample_compression": "jpg"}').sample_compression == "jpeg"


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float16", "complex128", "int", "object"])
def test_dtypes_of_numbers(dtype):
    assert tensor(json.dumps({"length": 0, "dtype": dtype}).encode()).dtype == dtype


@pytest.mark.parametrize(
    ("htype", "dtype"), [("json", "Dict[str, int]"), ("list", "List"), ("text", "str"), ("tag", "List")]
)
def test_schemas_stand_for_dtypes_of_json(htype, dtype):
    assert tensor(json.dumps({"length": 0, "htype": htype, "dtype": dtype}).encode()).dtype == dtype


@pytest.mark.parametrize(
    ("fields", "htype"),
    [
        ({}, "image"),
        ({"is_sequence": True}, "sequence[image]"),
        ({"is_link": True}, "link[image]"),
        ({"is_link": True, "is_sequence": True}, "link[sequence[image]]"),
    ],
)
def test_the_htype_that_users_see(fields, htype):
    assert TensorMeta("x", "image", **fields).full_htype == htype


def test_bounds_widen():
    meta = TensorMeta("x").widened((2, 5), (3, 6), 2)
    assert (meta.min_shape, meta.max_shape, meta.length) == ((2, 5), (3, 6), 2)
    meta = meta.widened((1, 9), (1, 9), 1)
    assert (meta.min_shape, meta.max_shape, meta.length) == ((1, 5), (3, 9), 3)
    assert not meta.is_fixed_shape


@pytest.mark.parametrize(("limit", "target"), [(None, 8_000_000), (1000, 500), (1, 0)])
def test_a_chunk_is_full_at_half_its_maximum(limit, target):
    assert TensorMeta("x", max_chunk_size=limit).chunk_target == target


# ------------------------------------------------------------------ dataset_meta.json


def test_a_dataset_of_the_original():
    meta = DatasetMeta.decode(DATASET, "d")
    assert meta.tensor_names["g2/x"] == "g1/x"
    assert json.loads(meta.encode()) == json.loads(DATASET)


def test_without_a_table_names_are_keys():
    meta = DatasetMeta.decode(b'{"tensors": ["a", "b/c"], "future": 1}', "d")
    assert meta.tensor_names == {"a": "a", "b/c": "b/c"}
    assert json.loads(meta.encode())["future"] == 1
    assert DatasetMeta.decode(b'{"tensors": []}', "d").tensor_names == {}


@pytest.mark.parametrize("data", [b"{}", b'{"version": "3.9.52"}', b'{"length": null, "tensors": null}'])
def test_what_says_nothing_is_no_empty_tensor_and_no_empty_dataset(data):
    with pytest.raises(FormatError, match="'length' has an unexpected value None"):
        tensor(data)
    with pytest.raises(FormatError, match="'tensors' has an unexpected value None"):
        DatasetMeta.decode(data, "d")


# ------------------------------------------------------------------ linked_creds.json


def test_credentials_are_found_by_position():
    creds = LinkedCreds.decode(CREDS, "c")
    assert [creds.name(code, "c") for code in range(3)] == [None, "a", "b"]
    assert json.loads(creds.encode()) == json.loads(CREDS)
    with pytest.raises(FormatError, match="c: credentials code 3 of 2"):
        creds.name(3, "c")


def test_a_used_env_without_an_entry_stands_in_front():
    creds = LinkedCreds.decode(b'{"creds_keys": ["a"], "used_creds_keys": ["ENV", "a"]}', "c")
    assert [creds.name(code, "c") for code in (1, 2)] == ["ENV", "a"]


# ------------------------------------------------------------------ JSON with extensions

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=9)
ARRAYS = st.sampled_from(
    [
        np.arange(6).reshape(2, 3),
        np.float32(1.5) * np.ones(2, "float32"),
        np.array(5),
        np.zeros((0, 3), "uint8"),
        np.array(["a", "bc"]),
        np.array([b"a"]),
        np.array([True]),
        np.array(["2020-01-01"], "datetime64[D]"),
        np.ones(2, ">f8"),
    ]
)
VALUES = st.recursive(
    LEAVES | ARRAYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=9,
)


def is_same(found, value):
    if isinstance(value, np.ndarray):
        return (
            isinstance(found, np.ndarray)
            and (found.shape, found.dtype) == (value.shape, value.dtype)
            and found.tobytes() == value.tobytes()
        )
    if isinstance(value, float):
        return isinstance(found, float) and (found == value or (found != found and value != value))  # noqa: PLR0124
    if isinstance(value, list):
        return isinstance(found, list) and len(found) == len(value) and all(map(is_same, found, value))
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(is_same(found[key], value[key]) for key in value)
    return type(found) is type(value) and found == value


@given(VALUES)
def test_any_value_comes_back(value):
    data = encode_json(value)
    assert data.isascii()
    assert is_same(decode_json(data, "j"), value)


RECORDS = st.lists(st.dictionaries(st.text(max_size=3) | st.sampled_from(["},\n{", "\0", ",\n"]), VALUES, max_size=3))


@given(RECORDS)
def test_records_at_once_are_what_they_are_singly(records):
    found = encode_records(records)
    singly = [encode_json(record) for record in records]
    holds_objects = any(b"}, {" in one for one in singly)
    assert found is not None or holds_objects or not records
    if found is not None:
        assert [one.encode() for one in found] == singly


def test_a_list_of_objects_in_a_record_is_not_taken_for_records():
    assert encode_records([{"a": [{}, {}]}]) is None
    assert encode_records([{"a": [{}]}, {}]) == ['{"a": [{}]}', "{}"]
    ds = deeplake.empty("mem://records-in-records")
    ds.create_tensor("x", htype="json").extend([{"a": [{"b": 1}, {"c": "},\n{"}]}, {}])
    assert ds.x.data()["value"] == [{"a": [{"b": 1}, {"c": "},\n{"}]}, {}]


def test_values_of_the_original():
    data = (
        b'{"a": {"_hub_custom_type": "ndarray", "data": "AQAAAAAAAAA=", "shape": [1], "dtype": "<i8"},'
        b' "b": {"_hub_custom_type": "bytes", "data": "YWI="}, "c": [NaN, Infinity, -Infinity],'
        b' "d": {"_hub_custom_type": "Sample", "data": "YWI=", "compression": "png"}, "e": {"_hub_custom_type": "new"}}'
    )
    found = decode_json(data, "j")
    assert found["a"].tolist() == [1]
    assert found["b"] == b"ab"
    assert found["c"][0] != found["c"][0]
    assert found["c"][1:] == [float("inf"), float("-inf")]
    assert (bytes(found["d"].buffer), found["d"].compression) == (b"ab", "png")
    assert found["e"] == {"_hub_custom_type": "new"}


def test_numbers_of_numpy_and_files_are_stored():
    value = {"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(True), "d": Sample(b"ab", compression="png")}
    found = decode_json(encode_json(value), "j")
    assert (found["a"], found["b"], found["c"]) == (3, 0.5, True)
    assert bytes(found["d"].buffer) == b"ab"


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, 1j, np.array([object()]), np.zeros(1, [("a", "i4")]), np.array([None])]
)
def test_what_json_cannot_hold(value):
    with pytest.raises(TypeError, match="cannot be stored as JSON"):
        encode_json({"a": [value]})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 200_000,
        b"1" * 5000,
        b'{"_hub_custom_type": "ndarray"}',
        b'{"_hub_custom_type": "ndarray", "data": "AQ==", "shape": [9], "dtype": "|u1"}',
        b'{"_hub_custom_type": "ndarray", "data": "", "shape": [1e400], "dtype": "<i8"}',
        b'{"_hub_custom_type": "ndarray", "data": "", "shape": [100000000000000000000, 0], "dtype": "<i8"}',
        b'{"_hub_custom_type": "ndarray", "data": "AQAAAAAAAAA=", "shape": [1], "dtype": "O"}',
        b'{"_hub_custom_type": "ndarray", "data": "AQAAAAAAAAA=", "shape": [1], "dtype": "a8"}',
        b'{"_hub_custom_type": "ndarray", "data": "AQAAAAAAAAA=", "shape": [1], "dtype": "<i4,<i4"}',
        b'{"_hub_custom_type": "ndarray", "data": "AQAAAAAAAAA=", "shape": [1], "dtype": ","}',
        b'{"_hub_custom_type": "ndarray", "data": "AQAAAAAAAAA=", "shape": [1], "dtype": 5}',
        b'{"_hub_custom_type": "ndarray", "data": 5, "shape": [1], "dtype": "<i8"}',
        b'{"_hub_custom_type": "ndarray", "data": "\xc3\xa4", "shape": [1], "dtype": "<i8"}',
        b'{"_hub_custom_type": "bytes", "data": "A"}',
        b'{"_hub_custom_type": "Sample", "data": "YQ=="}',
    ],
)
def test_what_is_no_json(data):
    with pytest.raises(FormatError, match=r"^j: not a JSON object"):
        decode_json(data, "j")


DECODERS = {
    "tensor": (tensor, [X, b'{"htype": "json", "dtype": "Any", "length": 1}']),
    "dataset": (lambda data: DatasetMeta.decode(data, "d"), [DATASET]),
    "creds": (lambda data: LinkedCreds.decode(data, "c"), [CREDS]),
    "json": (lambda data: decode_json(data, "j"), [encode_json({"a": np.arange(9), "b": b"abc", "c": [1.5, None]})]),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.data())
def test_damage_gives_a_value_or_an_error(name, data):
    decode, originals = DECODERS[name]
    survives(decode, data.draw(damaged(originals)), 1_000_000)


@pytest.mark.parametrize("name", ["tensor", "dataset", "creds"])
@given(data=st.data())
def test_a_field_of_any_value_gives_a_value_or_an_error(name, data):
    decode, originals = DECODERS[name]
    record = json.loads(originals[0])
    record[data.draw(st.sampled_from(list(record)))] = data.draw(JSON)
    found = survives(decode, json.dumps(record).encode(), 1_000_000)
    if found is not None:
        assert survives(decode, found.encode(), 1_000_000) == found
