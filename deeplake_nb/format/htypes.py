"""The htypes: for each, its default dtype, how a sample is stored, which compressions fit, and what describes it.

Adding one is a row here, and a payload kind in ``samples`` when its bytes are new. ``link[...]`` and
``sequence[...]`` wrap any row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from deeplake_nb.errors import HtypeError, did_you_mean
from deeplake_nb.format.codecs import compression

if TYPE_CHECKING:
    from collections.abc import Mapping

Payload = Literal["array", "text", "json", "list", "tag", "polygon"]
Compressions = Literal["any", "image", "lz4", "media"]


@dataclass(frozen=True, slots=True)
class Htype:
    """One row. ``info`` are the properties kept beside the tensor, with the value they start with."""

    name: str
    dtype: str | None = None
    payload: Payload = "array"
    compressions: Compressions = "any"
    media: tuple[str, ...] = ()
    needs_compression: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    has_sample_info: bool = False
    mode: str | None = None

    @property
    def has_shapes(self) -> bool:
        """Whether samples have shapes worth keeping in a companion tensor."""
        return self.payload not in {"text", "json", "tag"}


_VDB = {"vdb_indexes": ()}
_KEYPOINTS = {"keypoints": (), "connections": ()}

TABLE: dict[str, Htype] = {
    row.name: row
    for row in [
        Htype("generic"),
        Htype("image", None, "array", "image", needs_compression=True, info={"intrinsics": None}, has_sample_info=True),
        Htype("image.rgb", "uint8", "array", "image", needs_compression=True, mode="RGB"),
        Htype("image.gray", "uint8", "array", "image", needs_compression=True, mode="L"),
        Htype("class_label", "uint32", info={"class_names": ()}, meta={"_disable_temp_transform": False}),
        Htype("tag", "List", "tag", "lz4"),
        Htype("bbox", "float32", info={"coords": {}}),
        Htype("bbox.3d", "float32", info={"coords": {}}),
        Htype("binary_mask", "bool"),
        Htype("segment_mask", "uint32", info={"class_names": ()}, has_sample_info=True),
        Htype("instance_label", "uint32"),
        Htype("keypoints_coco", "int32", info=_KEYPOINTS),
        Htype("point", "int32"),
        Htype("intrinsics", "float32"),
        Htype("embedding", "float32", "array", "lz4", meta=_VDB),
        Htype("polygon", "float32", "polygon", "lz4"),
        Htype("text", "str", "text", "lz4", meta=_VDB),
        Htype("json", "Any", "json", "lz4"),
        Htype("list", "List", "list", "lz4"),
        Htype("video", "uint8", "array", "media", ("mp4", "mkv", "avi"), needs_compression=True, has_sample_info=True),
        Htype(
            "audio", "float64", "array", "media", ("mp3", "flac", "wav"), needs_compression=True, has_sample_info=True
        ),
        Htype("dicom", None, "array", "media", ("dcm",), has_sample_info=True),
        Htype("nifti", None, "array", "media", ("nii", "nii.gz"), needs_compression=True, has_sample_info=True),
        Htype("point_cloud", "float32", "array", "media", ("las",), needs_compression=True, has_sample_info=True),
        Htype("mesh", None, "array", "media", ("ply", "stl"), needs_compression=True, has_sample_info=True),
    ]
}

TEXT_LIKE: frozenset[Payload] = frozenset({"text", "json", "list", "tag"})
"""Payloads that are not arrays, and are never cut into tiles."""

NEVER_TILED: frozenset[str] = frozenset({"audio", "video", "mesh", "nifti"})
"""Htypes whose arrays stay whole, however large."""

_WRAPPED = re.compile(r"(sequence|link)\[(.*)\]$")


def htype_row(name: str | None) -> Htype:
    """The row of a base htype; None is ``generic``.

    Raises:
        HtypeError: no such htype; suggests the nearest.
    """
    row = TABLE.get("generic" if name is None else name)
    if row is None:
        raise HtypeError(f"unknown htype {name!r}{did_you_mean(str(name), TABLE)}; known: {', '.join(TABLE)}")
    return row


def parse_htype(text: str | None) -> tuple[str | None, bool, bool]:
    """``(base htype, is_sequence, is_link)`` of what users write, such as ``sequence[link[image]]``.

    Raises:
        HtypeError: unknown, wrapped twice, or a combination the format has no room for.
    """
    if text is not None and not isinstance(text, str):
        raise HtypeError(f"an htype is a text such as 'image', got {text!r:.60}")
    wraps = set[str]()
    base = text
    if base in {"sequence", "link"}:
        wraps, base = {str(base)}, None
    while base and (match := _WRAPPED.match(base)):
        if match[1] in wraps:
            raise HtypeError(f"htype {text!r} has {match[1]}[...] twice")
        wraps.add(match[1])
        base = match[2] or None
    if base is not None:
        htype_row(base)
    if "link" in wraps and base in {None, "generic"}:
        raise HtypeError(f"htype {text!r}: a link needs the htype of what it points to, such as link[image]")
    if "sequence" in wraps and base == "tag":
        raise HtypeError("sequence[tag] does not exist in the format; use sequence[text]")
    return base, "sequence" in wraps, "link" in wraps


def check_compression(htype: str | None, sample: str | None, chunk: str | None) -> tuple[str | None, str | None]:
    """Both compressions by their stored names, checked against the htype.

    Raises:
        HtypeError: both given, unknown, or not for this htype.
    """
    row = htype_row(htype)
    if sample is not None and chunk is not None:
        raise HtypeError(f"give sample_compression or chunk_compression, not both (got {sample!r} and {chunk!r})")
    found = compression(sample if sample is not None else chunk)
    if found is None:
        return None, None
    fits = {
        "any": found.kind in {"byte", "image"},
        "image": found.kind in {"byte", "image"} or (found.name == "dcm" and chunk is None),
        "lz4": found.kind == "byte",
        "media": found.name in row.media and chunk is None,
    }[row.compressions]
    if not fits:
        allowed = {"any": "lz4 or an image format", "image": "lz4 or an image format", "lz4": "lz4"}
        expected = allowed.get(row.compressions, f"sample_compression of {', '.join(row.media)}")
        raise HtypeError(f"{found.name} does not go with htype {row.name}; expected {expected}")
    return (found.name, None) if sample is not None else (None, found.name)
