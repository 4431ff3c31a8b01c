"""What a new tensor starts with."""

from __future__ import annotations

import pytest

from deeplake_nb.errors import HtypeError
from deeplake_nb.format.creation import TensorSpec
from deeplake_nb.format.htypes import TABLE
from deeplake_nb.format.meta import TensorMeta


def spec(htype=None, *, sample_compression=None, **fields):
    options = {name: fields.pop(name) for name in list(fields) if name not in {"dtype", "chunk_compression"}}
    return TensorSpec("x", htype, sample_compression=sample_compression, options=options, **fields)


@pytest.mark.parametrize("htype", TABLE)
def test_every_htype_can_be_made_and_read_back(htype):
    media = TABLE[htype].media
    made = spec(htype, sample_compression=media[0] if media else None)
    meta = made.meta()
    assert (meta.name, meta.htype, meta.length, meta.max_shape, meta.links) == ("x", htype, 0, (), {})
    assert TensorMeta.decode(meta.encode(), "m", "x") == meta
    assert set(made.info()) == set(TABLE[htype].info)


@pytest.mark.parametrize(
    ("htype", "extra"),
    [
        ("image", {"_info": ["intrinsics"], "intrinsics": None}),
        ("class_label", {"_info": ["class_names"], "class_names": [], "_disable_temp_transform": False}),
        ("segment_mask", {"_info": ["class_names"], "class_names": []}),
        ("bbox", {"_info": ["coords"], "coords": {}}),
        ("keypoints_coco", {"_info": ["keypoints", "connections"], "keypoints": [], "connections": []}),
        ("text", {"vdb_indexes": []}),
        ("generic", {}),
    ],
)
def test_fields_that_the_original_writes(htype, extra):
    assert dict(spec(htype).meta().extra) == extra


@pytest.mark.parametrize(
    ("htype", "options", "info"),
    [
        ("class_label", {"class_names": ("a", "b")}, {"class_names": ["a", "b"]}),
        ("class_label", {"class_names": None}, {"class_names": []}),
        ("bbox", {"coords": {"type": "pixel", "mode": "LTWH"}}, {"coords": {"type": "pixel", "mode": "LTWH"}}),
        ("bbox", {"coords": None}, {"coords": {}}),
        ("bbox.3d", {"coords": {"mode": None}}, {"coords": {"mode": None}}),
        ("bbox.3d", {"coords": {"mode": "center"}}, {"coords": {"mode": "center"}}),
        ("image", {}, {"intrinsics": None}),
        ("image", {"intrinsics": [[1, 2], [3, 4]]}, {"intrinsics": [[1, 2], [3, 4]]}),
        ("keypoints_coco", {"keypoints": ["nose"]}, {"keypoints": ["nose"], "connections": []}),
    ],
)
def test_properties_that_are_given(htype, options, info):
    assert spec(htype, **options).info() == info


def test_what_is_made_does_not_share_what_is_mutable():
    first, second = spec("class_label"), spec("class_label")
    first.info()["class_names"].append("a")
    first.meta().extra["class_names"].append("a")
    assert second.info() == {"class_names": []}
    assert second.meta().extra["class_names"] == []


@pytest.mark.parametrize(
    ("htype", "options", "expected"),
    [
        ("image", {}, {"shapes", "ids", "infos"}),
        ("image", {"create_shape_tensor": False}, {"ids", "infos"}),
        ("image", {"create_id_tensor": False, "create_sample_info_tensor": False}, {"shapes"}),
        ("link[image]", {"verify": False}, {"ids"}),
        ("link[image]", {"verify": True}, {"shapes", "ids", "infos"}),
    ],
)
def test_which_companions_are_wanted(htype, options, expected):
    assert {name for name, is_wanted in spec(htype, **options).companions().items() if is_wanted} == expected


@pytest.mark.parametrize(
    ("dtype", "name"),
    [("f4", "float32"), (float, "float64"), ("<i2", "int16"), (">i2", "int16"), (bool, "bool"), ("?", "bool")],
)
def test_dtypes_in_any_spelling(dtype, name):
    assert spec(dtype=dtype).meta().dtype == name


def test_dtypes_of_texts_and_json():
    assert spec("text", dtype=str).meta().dtype == "str"
    assert spec("json", dtype="Dict[str, int]").meta().dtype == "Dict[str, int]"


def test_options_of_chunks():
    meta = spec(max_chunk_size=1000, tiling_threshold=-1, hidden=True, verify=None).meta()
    assert (meta.max_chunk_size, meta.tiling_threshold, meta.hidden, meta.verify) == (1000, -1, True, True)


def test_a_dicom_tensor_needs_no_compression_to_be_given():
    assert TensorSpec("x", "dicom").meta().sample_compression == "dcm"


@pytest.mark.parametrize(
    ("htype", "given"),
    [("image", {"sample_compression": None}), ("image", {"chunk_compression": None}), ("generic", {})],
)
def test_none_is_a_compression_that_was_given(htype, given):
    assert TensorSpec("x", htype, **given).meta().sample_compression is None
    if given:
        with pytest.raises(HtypeError, match="needs a sample_compression"):
            TensorSpec("x", htype).meta()
