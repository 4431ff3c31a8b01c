"""The table of htypes against the format's own list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import HtypeError
from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.format.htypes import TABLE, check_compression, htype_row, parse_htype

DTYPES = {
    "generic": None, "image": None, "image.rgb": "uint8", "image.gray": "uint8", "class_label": "uint32", "tag": "List",
    "bbox": "float32", "bbox.3d": "float32", "video": "uint8", "audio": "float64", "binary_mask": "bool",
    "segment_mask": "uint32", "instance_label": "uint32", "keypoints_coco": "int32", "point": "int32", "text": "str",
    "json": "Any", "list": "List", "embedding": "float32", "dicom": None, "nifti": None, "point_cloud": "float32",
    "mesh": None, "intrinsics": "float32", "polygon": "float32",
}  # fmt: skip
LZ4_ONLY = {"tag", "text", "json", "list", "embedding", "polygon"}
MEDIA = {
    "video": {"mp4", "mkv", "avi"}, "audio": {"mp3", "flac", "wav"}, "dicom": {"dcm"}, "nifti": {"nii", "nii.gz"},
    "point_cloud": {"las"}, "mesh": {"ply", "stl"},
}  # fmt: skip


def test_every_htype_with_its_dtype():
    assert {name: row.dtype for name, row in TABLE.items()} == DTYPES


def test_what_must_be_given_a_compression():
    needing = {name for name, row in TABLE.items() if row.needs_compression}
    assert needing == {"image", "image.rgb", "image.gray", "video", "audio", "nifti", "point_cloud", "mesh"}


def test_companions_of_htypes():
    assert {name for name, row in TABLE.items() if not row.has_shapes} == {"text", "json", "tag"}
    infos = {"image", "audio", "video", "dicom", "point_cloud", "mesh", "nifti", "segment_mask"}
    assert {name for name, row in TABLE.items() if row.has_sample_info} == infos


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("htype", TABLE)
def test_which_compressions_go_with_an_htype(htype, compression):
    kind = COMPRESSIONS[compression].kind
    if htype in MEDIA:
        sample, chunk = compression in MEDIA[htype], False
    elif htype in LZ4_ONLY:
        sample = chunk = compression == "lz4"
    else:
        chunk = kind in {"byte", "image"}
        sample = chunk or (compression == "dcm" and htype in {"image", "image.rgb", "image.gray"})
    assert fits(htype, compression, None) is sample
    assert fits(htype, None, compression) is chunk


def fits(htype, sample, chunk):
    try:
        assert check_compression(htype, sample, chunk) == (sample, chunk)
    except HtypeError as error:
        assert f"does not go with htype {htype}; expected " in str(error)  # noqa: PT017
        return False
    return True


def test_aliases_are_stored_by_their_names():
    assert check_compression("image", "jpg", None) == ("jpeg", None)
    assert check_compression("image", None, "TIF") == (None, "tiff")
    assert check_compression("text", None, None) == (None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (None, False, False)),
        ("image", ("image", False, False)),
        ("sequence", (None, True, False)),
        ("sequence[]", (None, True, False)),
        ("sequence[bbox.3d]", ("bbox.3d", True, False)),
        ("link[image]", ("image", False, True)),
        ("link[sequence[image]]", ("image", True, True)),
        ("sequence[link[image.rgb]]", ("image.rgb", True, True)),
    ],
)
def test_what_users_write(text, expected):
    assert parse_htype(text) == expected


@pytest.mark.parametrize(
    "text", ["imge", "", "link", "link[]", "link[generic]", "sequence[sequence[image]]", "link[link[image]]",
             "sequence[tag]", "sequence[image", "image]", "group[image]", "Image", 5, ["image"]],
)  # fmt: skip
def test_what_is_no_htype(text):
    with pytest.raises(HtypeError):
        parse_htype(text)


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["link[", "sequence[", "image", "]", "tag"]), max_size=7).map("".join)
)
def test_any_text_is_an_htype_or_an_error(text):
    try:
        base, _, is_link = parse_htype(text)
    except HtypeError:
        return
    assert base is None or base in TABLE
    assert not is_link or base is not None


def test_the_nearest_htype_is_suggested():
    with pytest.raises(
        HtypeError, match=r"unknown htype 'classlabel' \(did you mean 'class_label'\?\); known: generic, "
    ):
        htype_row("classlabel")
    assert htype_row(None) is TABLE["generic"]
