"""Hidden tensors that go along with a tensor: the shape, an id and a description of each sample.

The original writes them and checks at a commit that they are as long as their tensor, so whoever appends must keep
them in step. ``FUNCTIONS`` says, by the name in the tensor's ``links``, what they are given for appended rows.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError, UnsupportedError, counted
from deeplake_nb.format import downsampling
from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.format.codecs import files
from deeplake_nb.format.meta import Records, encode_json
from deeplake_nb.format.samples import Sample, are_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from deeplake_nb.dataset.appender import Appender
    from deeplake_nb.dataset.state import State
    from deeplake_nb.format.htypes import Htype
    from deeplake_nb.format.meta import TensorMeta

Shape = tuple[int, ...]
MAX_CHUNK_NBYTES = 4_000_000

Infos = list[dict[str, Any]] | Records
_END = ', "modified": false}'
_ALIKE_AT_ONCE = 1 << 18
_LARGEST = np.iinfo(np.uint64).max
_MANY = 1_000
"""From here on numpy's random numbers come faster than the system's."""


@dataclass(frozen=True, slots=True)
class Added:
    """Rows that were appended: how many, how many items, the items' shapes (one for all, or each), file infos.

    ``values`` are the items themselves, where a companion holds smaller copies of them.
    """

    rows: int
    items: int
    shapes: Shape | list[Shape | None] | None
    infos: Infos | None
    values: Any = None
    ids: NDArray[np.uint64] | None = None


class Known:
    """Ids of rows, and infos of their items, that come from another version; told as the rows are added."""

    def __init__(self, ids: NDArray[np.uint64], infos: list[dict[str, Any]] | None) -> None:
        self._ids, self._infos = ids, infos
        self._rows = self._items = 0

    def told(self, added: Added) -> Added:
        """What was added, with what is known of it."""
        rows, items = slice(self._rows, self._rows + added.rows), slice(self._items, self._items + added.items)
        self._rows, self._items = rows.stop, items.stop
        infos = added.infos if self._infos is None else self._infos[items]
        return replace(added, ids=self._ids[rows], infos=infos)


def _shapes(added: Added) -> Any:
    if not isinstance(added.shapes, list):
        alike = np.array(added.shapes or (0,), np.int64)
        return np.broadcast_to(alike, (added.items, len(alike)))
    known = [shape if shape is not None else (0,) for shape in added.shapes]
    if len({len(shape) for shape in known}) == 1:
        return np.array(known, np.int64)
    return [np.array(shape, np.int64) for shape in known]


def _lengths(added: Added) -> NDArray[np.int64]:
    shapes = _shapes(added)
    return np.array([shape[0] for shape in shapes], np.int64).reshape(-1, 1)


def _ids(added: Added) -> NDArray[np.uint64]:
    if added.ids is not None:
        return added.ids.reshape(-1, 1)
    if added.rows < _MANY:
        return np.frombuffer(os.urandom(8 * added.rows), np.uint64).reshape(added.rows, 1)
    return _random().integers(0, _LARGEST, (added.rows, 1), np.uint64, endpoint=True)


@cache
def _random() -> np.random.Generator:
    """Seeded by the system, so that nobody else's random numbers are touched. Thread-safe."""
    return np.random.Generator(np.random.SFC64())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.cache_clear)  # else both processes would make the same ids


def _infos(added: Added) -> Infos:
    return added.infos if added.infos is not None else [{}] * added.items


FUNCTIONS: dict[str, Callable[[Added], Any]] = {
    "extend_shape": _shapes,
    "extend_len": _lengths,
    "extend_id": _ids,
    "extend_info": _infos,
}


DOWNSAMPLE = "extend_downsample"


def told(state: State, key: str, link: Mapping[str, Any], added: Added, htype: str | None) -> Any:
    """What a companion (by key) is given for rows that were added to its tensor, of ``htype``."""
    if link["extend"] != DOWNSAMPLE:
        return FUNCTIONS[link["extend"]](added)
    factor = state.tensor_info(state.tensors[key]).get("downsampling_factor")
    if not isinstance(factor, int) or factor < 1:
        raise FormatError(
            f"tensor {key!r} holds smaller copies, but its info has no downsampling_factor: {factor!r:.40}"
        )
    return [downsampling.smaller(value, factor, htype or "image") for value in added.values]


def pieces(values: Any) -> Iterator[Any]:
    """What a companion is given, in pieces: rows that are one and the same take the memory of some."""
    if not isinstance(values, np.ndarray) or values.strides[0]:
        yield values
        return
    some = values[:_ALIKE_AT_ONCE].copy()
    for start in range(0, max(len(values), 1), _ALIKE_AT_ONCE):
        yield some[: len(values) - start]


def has_copies(meta: TensorMeta) -> bool:
    """Whether companions hold smaller copies of a tensor's samples."""
    return any(link.get("extend") == DOWNSAMPLE for link in meta.links.values())


def tree(state: State, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The companions (by key) of a tensor with their links, each after its own companions."""
    for companion, link in state.tensors[key].meta.links.items():
        if companion in state.tensors:
            yield from tree(state, companion)
        yield companion, link


@dataclass(frozen=True, slots=True)
class Companion:
    """One hidden tensor to create: its name, metadata fields, and its entry in the tensor's ``links``."""

    name: str
    fields: Mapping[str, Any]
    link: Mapping[str, Any]


def wanted(name: str, row: Htype, *, shapes: bool, ids: bool, infos: bool) -> list[Companion]:
    """The companions a new tensor ``name`` (groups included) gets."""
    group, _, base = name.rpartition("/")
    stem = f"{group}/_{base}" if group else f"_{base}"
    out = []
    small = {"max_chunk_size": MAX_CHUNK_NBYTES}
    if shapes and row.has_shapes:
        verb = "len" if row.payload == "list" else "shape"
        link = {"extend": f"extend_{verb}", "update": f"update_{verb}", "flatten_sequence": True}
        out.append(Companion(f"{stem}_shape", {"htype": "generic", "dtype": "int64", **small}, link))
    if ids:
        link = {"extend": "extend_id", "flatten_sequence": False}
        out.append(Companion(f"{stem}_id", {"htype": "generic", "dtype": "uint64", "typestr": "<u8"}, link))
    if infos and row.has_sample_info:
        link = {"extend": "extend_info", "update": "update_info", "flatten_sequence": True}
        out.append(Companion(f"{stem}_info", {"htype": "json", "dtype": "Any", **small}, link))
    return out


def file_infos(values: Any) -> Infos | None:
    """What is kept of the files among ``values``; None when there is none. Only a file's name, never its folder."""
    if isinstance(values, np.ndarray) or not any(isinstance(value, Sample) for value in values):
        return None
    if are_files(values):
        starts = [_head_info(value.probe.compression, value.probe.shape)[1] for value in values]
        if all(starts):
            named = zip(starts, map(_name, values), strict=True)
            return Records([f'{start}"filename": {encode_basestring_ascii(name)}{_END}' for start, name in named])
    return [file_info(value) if isinstance(value, Sample) and value.is_file else {} for value in values]


def file_info(sample: Sample) -> dict[str, Any]:
    """Description of one file as the original words it."""
    kind = sample.probe.compression
    known, start = _head_info(kind, sample.probe.shape)
    if kind and not start:
        known = {**files.describe(sample.buffer, kind, sample.what), **known}
    return {**known, "filename": _name(sample), "modified": False}


@lru_cache(4096)  # files of one collection are alike
def _head_info(kind: str, shape: Shape) -> tuple[dict[str, Any], str]:
    """What a file's head says of it; and where that is all there is to say, how its JSON text begins."""
    is_picture = COMPRESSIONS[kind].kind == "image" if kind else False
    shape = (*shape, 1) if is_picture and len(shape) == 2 else shape  # noqa: PLR2004 - grey
    info: dict[str, Any] = {"shape": list(shape), "format": kind}
    if not is_picture or kind == "dcm":
        return info, ""
    info = {"exif": {}, **info}  # which is not read
    return info, encode_json(info).decode()[:-1] + ", "


def _name(sample: Sample) -> str:
    return (sample.path or "").replace("\\", "/").rpartition("/")[2]


def stored_info(info: dict[str, Any]) -> bytes:
    """``tensor_info.json`` or ``dataset_info.json``."""
    return encode_json(info, is_sorted=True)


def with_companions(state: State, tensors: Iterable[str]) -> list[str]:
    """The tensors (by key), each after its companions.

    Raises:
        UnsupportedError: a companion that cannot be kept in step.
    """
    out = []
    for key in tensors:
        meta = state.tensors[key].meta
        for companion, link in tree(state, key):
            if link.get("extend") not in {*FUNCTIONS, DOWNSAMPLE} or companion not in state.tensors:
                raise UnsupportedError(
                    f"tensor {meta.name!r} has a companion {companion!r} kept by {link.get('extend')!r}, "
                    "which cannot be kept up yet; changing rows would leave it behind"
                )
            out.append(companion)
        out.append(key)
    return out


def align(state: State, appenders: Mapping[str, Appender], key: str) -> None:
    """Cut companions to the length of their tensor: a writer that died may have left them longer.

    Raises:
        FormatError: one is shorter.
    """
    tensor = state.tensors[key]
    for companion, link in tensor.meta.links.items():
        length = tensor.meta.length if link.get("flatten_sequence") else tensor.length
        if state.tensors[companion].length < length:
            raise FormatError(
                f"tensor {tensor.meta.name!r} has {counted(length, 'sample')}, its companion {companion!r} only "
                f"{state.tensors[companion].length}; the dataset is damaged"
            )
        appenders[companion].cut(length)
        align(state, appenders, companion)
