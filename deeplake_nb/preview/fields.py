"""One sample of one tensor, in full: what the viewer lists beside the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import counted
from deeplake_nb.format.htypes import TEXT_LIKE, htype_row
from deeplake_nb.preview import overlays, text
from deeplake_nb.preview.render import MASK_HTYPES, PICTURE_HTYPES, render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deeplake_nb.errors import LakeError
    from deeplake_nb.format.samples import StoredSample
    from deeplake_nb.preview.preview import Label, Preview

_THUMBNAIL_PX = 240
_TABLE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Field:
    """One tensor of a row: name, htype and what it is, and one of text, labels, table or picture, or an error.

    ``count`` is the number of items of a sequence, of which one is described; ``origin`` where a linked sample comes
    from, redacted; ``media`` the media type of a file that browsers play.
    """

    name: str
    htype: str
    about: str
    text: str = ""
    labels: tuple[Label, ...] = ()
    columns: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    picture: Preview | None = None
    error: LakeError | None = None
    count: int = 1
    origin: str = ""
    media: str = ""


# Files that browsers play by themselves.
PLAYABLE: Mapping[str, str] = {
    "mp4": "video/mp4",
    "mkv": "video/x-matroska",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
}


def field(
    name: str,
    htype: str,
    samples: Sequence[StoredSample],
    info: Mapping[str, Any],
    names: Sequence[Label] = (),
    *,
    item: int = 0,
    origin: str = "",
) -> Field:
    """A field of one sample, or of one item of a sequence.

    Args:
        name: of the tensor.
        htype: as the user wrote it, ``sequence[image]``.
        samples: one, unless the tensor is a sequence.
        item: which of them.
        origin: where a linked sample comes from, redacted.
        info: the tensor's info: ``class_names``, ``coords``.
        names: class names of the same row, given to its boxes when there are as many.

    Raises:
        FormatError: bytes that cannot be decoded, boxes that are no rows.
    """
    if not samples:
        return Field(name, htype, "no items", count=0, origin=origin)
    sample = samples[min(item, len(samples) - 1)]
    made = _described(name, htype, sample, info, names)
    media = PLAYABLE.get(sample.compression or "", "")
    return replace(made, count=len(samples), origin=origin, media=media)


def _described(name: str, htype: str, sample: StoredSample, info: Mapping[str, Any], names: Sequence[Label]) -> Field:
    about = _about(sample)
    if sample.htype == "class_label":
        ids = overlays.class_ids(sample)
        return Field(name, htype, about, labels=overlays.labels(ids, info.get("class_names") or ()))
    if sample.htype == "bbox":
        return _boxes(name, htype, sample, info.get("coords") or {}, names)
    if sample.htype in PICTURE_HTYPES | MASK_HTYPES | {"embedding", "audio"}:
        preview = render(sample, _THUMBNAIL_PX)
        words = text.full(sample) if sample.htype == "embedding" else ""
        if preview.is_picture:
            return Field(name, htype, about, picture=preview, text=words)
        return Field(name, htype, about, text=words or preview.text)
    if sample.htype == "polygon":
        polygons = [counted(len(one), "point") for one in sample.value()]
        return Field(name, htype, about, text="\n".join(polygons[:_TABLE_ROWS]))
    return Field(name, htype, about, text=text.full(sample))


def _about(sample: StoredSample) -> str:
    parts = [] if htype_row(sample.htype).payload in TEXT_LIKE else [sample.dtype, text.shape_words(sample.shape)]
    if sample.compression is not None:
        parts.append(sample.compression)
    parts.append(text.byte_count(sample.data.nbytes))
    return " · ".join(parts)


def _boxes(name: str, htype: str, sample: StoredSample, coords: Mapping[str, Any], names: Sequence[Label]) -> Field:
    values = overlays.box_rows(sample)
    headings: tuple[str, ...] = overlays.COLUMNS.get(str(coords.get("mode") or overlays.DEFAULT_MODE), ())
    if len(headings) != values.shape[1]:
        headings = tuple(str(axis) for axis in range(values.shape[1]))
    named = len(names) == len(values)
    rows = tuple(
        ((names[index].text,) if named else ()) + tuple(f"{value:.6g}" for value in row)
        for index, row in enumerate(values[:_TABLE_ROWS])
    )
    about = _about(sample)
    if len(values) > _TABLE_ROWS:
        about += f" · first {_TABLE_ROWS} shown"
    return Field(name, htype, about, columns=(("class",) if named else ()) + headings, table=rows)
