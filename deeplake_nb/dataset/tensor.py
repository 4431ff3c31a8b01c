"""A tensor: one column of a dataset, or a selection of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import reader
from deeplake_nb.dataset.info import Info
from deeplake_nb.dataset.links import linked_items, stored_links
from deeplake_nb.errors import HtypeError, LakeError, RowError
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.index import Index
from deeplake_nb.format.samples import StoredSample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State, TensorState
    from deeplake_nb.dataset.writer import Writer
    from deeplake_nb.format.meta import TensorMeta
    from deeplake_nb.format.samples import Link

Stored = StoredSample | LakeError


class Tensor:
    """A column of samples. Indexing selects rows, then parts of each sample, and reads nothing by itself.

    Example:
        >>> import deeplake_nb as deeplake
        >>> ds = deeplake.empty("mem://tensor-example")
        >>> x = ds.create_tensor("x", dtype="float32")
        >>> x.extend(np.ones((4, 2, 3), "float32"))
        >>> x[1:3, :, 0].numpy().shape
        (2, 2)
    """

    __slots__ = ("_state", "_tensor", "_writer", "index")

    def __init__(self, state: State, tensor: TensorState, writer: Writer | None, index: Index | None = None) -> None:
        self._state = state
        self._tensor = tensor
        self._writer = writer
        self.index = index or Index()

    # ------------------------------------------------------------------ what it is

    @property
    def name(self) -> str:
        """Full name, groups included."""
        return self._tensor.meta.name

    @property
    def key(self) -> str:
        """The name its objects are stored under, which a rename leaves alone."""
        return self._tensor.key

    @property
    def meta(self) -> TensorMeta:
        """The stored metadata."""
        return self._tensor.meta

    @property
    def htype(self) -> str:
        """Such as ``image`` or ``sequence[link[image]]``."""
        return self._tensor.meta.full_htype

    @property
    def base_htype(self) -> str:
        """The htype without ``sequence[]`` and ``link[]``."""
        return self._tensor.meta.htype or "generic"

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """numpy dtype of the samples; object for JSON and lists, None before the first sample of an untyped tensor."""
        dtype = self._tensor.meta.dtype
        payload = htype_row(self._tensor.meta.htype).payload
        if payload not in {"array", "polygon"}:
            return np.dtype(str if payload == "text" else object)
        return None if dtype is None else np.dtype(dtype)

    @property
    def info(self) -> Info:
        """The user's own description, and the htype's properties such as ``class_names``."""

        def changed(info: dict[str, Any]) -> None:
            self._write().set_info(self._tensor.key, info)

        return Info(lambda: self._state.tensor_info(self._tensor), changed)

    @property
    def is_sequence(self) -> bool:
        """Whether each row is a list of samples."""
        return self._tensor.meta.is_sequence

    @property
    def is_link(self) -> bool:
        """Whether samples are links to files elsewhere."""
        return self._tensor.meta.is_link

    @property
    def hidden(self) -> bool:
        """Whether it is a companion that is not shown to users."""
        return self._tensor.key in self._state.meta.hidden_tensors

    @property
    def sample_compression(self) -> str | None:
        """How each sample is compressed."""
        return self._tensor.meta.sample_compression

    @property
    def chunk_compression(self) -> str | None:
        """How whole chunks are compressed."""
        return self._tensor.meta.chunk_compression

    @property
    def is_dynamic(self) -> bool:
        """Whether samples may have several shapes."""
        return not self._tensor.meta.is_fixed_shape

    @property
    def shape_interval(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Lower and upper bounds of ``(rows, *sample shape)`` over the whole tensor."""
        meta = self._tensor.meta
        return (self._tensor.length, *meta.min_shape), (self._tensor.length, *meta.max_shape)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """``(rows, *sample shape)``, None where it varies; of a single row the sample's shape."""
        if self.index.is_single or self.index.sub:
            return self.numpy(aslist=True).shape if self.index.is_single else _common(self._arrays(), len(self))
        if self.index.rows is None and not self.is_sequence:
            low, high = self._tensor.meta.min_shape, self._tensor.meta.max_shape
            return (len(self), *(a if a == b else None for a, b in zip(low, high, strict=True)))
        return _common(self._arrays(), len(self))

    @property
    def ndim(self) -> int:
        """Number of axes, rows included."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.index.count(self._tensor.length)

    @property
    def num_samples(self) -> int:
        """Number of rows."""
        return len(self)

    def __repr__(self) -> str:
        shown = "" if self.index == Index() else f", {len(self)} of {self._tensor.length} rows"
        return f"Tensor({self.name!r}, htype={self.htype!r}, dtype={self.meta.dtype}, length={self._tensor.length}{shown})"

    # ------------------------------------------------------------------ reading

    def __getitem__(self, item: Any) -> Tensor:
        """Rows, and parts of samples, as numpy would: number, slice, list of numbers, mask, or a tuple of them.

        Raises:
            RowError: out of range.
        """
        return Tensor(self._state, self._tensor, self._writer, self.index.narrowed(item, self._tensor.length))

    def __iter__(self) -> Iterator[Tensor]:
        for row in range(len(self)):
            yield self[row]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """So that ``np.asarray(ds.x)`` works."""
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def numpy(self, aslist: bool = False, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """The selected samples: one array ``(rows, *shape)``, or the sample's array for a single row.

        With ``aslist`` a list of arrays, which may have several shapes. Text comes as arrays of strings of shape
        ``(1,)``, JSON as object arrays of shape ``(1,)``. Chunks are cached; ``fetch_chunks`` is accepted and not needed.

        Raises:
            DynamicShapeError: several shapes without ``aslist``.
            FormatError: corrupt bytes.
        """
        self._see_appended()
        if self.index.is_single and not self.is_sequence and not self.index.sub:
            found = reader.read_one(self._state, self._tensor, self.index.rows[0])  # type: ignore[index]
            if found is not None:
                return found
        if not self.index.is_single and not aslist and not self.is_sequence and _is_plain(self.index.sub):
            rows = self._rows()
            whole = reader.read_uniform(self._state, self._tensor, rows) if len(rows) else None
            if whole is not None:
                for items in self.index.sub:
                    whole = whole[(slice(None), *items)]
                return whole
        arrays = self._arrays()
        if self.index.is_single:
            return arrays[0] if not isinstance(arrays[0], list) or aslist else reader.stack(arrays[0], self._what())
        if aslist:
            return arrays
        if self.is_sequence:
            arrays = [reader.stack(row, self._what()) for row in arrays]
        return reader.stack(arrays, self._what()) if arrays else np.empty((0, *self._tensor.meta.max_shape), self.dtype)

    def data(self, aslist: bool = False, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """``{"value": ...}`` in the form natural to the htype, with what describes it (class names, coords, ...)."""
        row = htype_row(self._tensor.meta.htype)
        if row.payload in {"text", "json", "list", "tag"}:
            return {"value": self._values()}
        value = self.numpy(aslist=aslist or row.payload == "polygon")
        out = {"value": value}
        info = self._state.tensor_info(self._tensor)
        names = info.get("class_names")
        if names and row.name == "class_label":
            out["text"] = _named(value, names)
        for property_ in row.info:
            if property_ not in {"class_names", "intrinsics"} or (property_ == "class_names" and row.name != "class_label"):
                out[property_] = info.get(property_)
        if row.has_sample_info:
            out["sample_info"] = self.sample_info or {}
        return out

    def text(self, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """Strings: one for a single row, else a list.

        Raises:
            HtypeError: not a text tensor.
        """
        return self._expect({"text"}, "text")

    def dict(self, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """JSON values: one for a single row, else a list.

        Raises:
            HtypeError: not a json tensor.
        """
        return self._expect({"json"}, "dict")

    def list(self, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """Lists: one for a single row, else a list of them.

        Raises:
            HtypeError: not a list or tag tensor.
        """
        return self._expect({"list", "tag"}, "list")

    def path(self) -> Any:
        """Paths of a link tensor: one for a single row, else a list; empty where there is no link."""
        links = self._each(self.links(self._rows()))
        return links

    def tobytes(self) -> bytes:
        """The stored bytes of a single row: the file as it was appended, or raw C-order bytes.

        Raises:
            RowError: several rows.
        """
        if not self.index.is_single or self.is_sequence:
            raise RowError(f"{self._what()}: tobytes() takes one row, such as ds.{self.name}[0].tobytes()")
        (stored,) = self.stored(self._rows().tolist())
        if isinstance(stored, LakeError):
            raise stored
        return bytes(stored.data)  # type: ignore[union-attr]

    @property
    def sample_info(self) -> Any:
        """What is known of the files behind the rows; None where nothing was kept."""
        for key, link in self._tensor.meta.links.items():
            if link.get("extend") == "extend_info" and key in self._state.tensors:
                companion = Tensor(self._state, self._state.tensors[key], None)
                if self.is_sequence:
                    offsets = self._state.tables(self._tensor).sequences.offsets  # type: ignore[union-attr]
                    rows = [companion[int(offsets[r]) : int(offsets[r + 1])]._values() for r in self._rows()]
                    return rows[0] if self.index.is_single else rows
                found = companion[self._rows()]._values()
                return found[0] if self.index.is_single else found
        return None

    def stored(self, rows: Sequence[int]) -> list[Stored | list[Stored]]:
        """Undecoded samples of ``rows`` (numbers within the whole tensor), in order, with coalesced requests.

        A row that cannot be read stands as its ``LakeError``; the others are there. Links give the linked file's
        bytes; a sequence's row is a list. Thread-safe.

        Raises:
            RowError: out of range.
        """
        self._see_appended()
        wanted = np.asarray(rows, np.int64).reshape(-1)
        outside = (wanted < 0) | (wanted >= self._tensor.length)
        if outside.any():
            raise RowError(f"{self._what()}: row {int(wanted[outside][0])} is out of range; there are {self._tensor.length} rows")
        if not self.is_sequence:
            return list(self._items(wanted))
        offsets = self._state.tables(self._tensor).sequences.offsets  # type: ignore[union-attr]
        spans = [(int(offsets[row]), int(offsets[row + 1])) for row in wanted.tolist()]
        items = iter(self._items(np.concatenate([np.arange(0), *(np.arange(a, b) for a, b in spans)])))
        return [[next(items) for _ in range(a, b)] for a, b in spans]

    # ------------------------------------------------------------------ writing

    def append(self, sample: Any) -> None:
        """Add one row.

        Raises:
            SampleError: a value that does not fit; nothing changed.
            ReadOnlyError: opened for reading.
        """
        self.extend([sample] if not isinstance(sample, np.ndarray) else sample[None])

    def extend(self, samples: Any, progressbar: bool = False) -> None:  # noqa: ARG002 - v3's argument
        """Add a batch of rows, all or none; an array's first axis is rows, an iterator is taken in slabs.

        Raises:
            SampleError: a value that does not fit; nothing changed.
            ReadOnlyError: opened for reading.
        """
        self._write().extend({self._tensor.key: samples})

    # ------------------------------------------------------------------ inside

    def _write(self) -> Writer:
        from deeplake_nb.errors import ReadOnlyError

        if self._writer is None:
            raise ReadOnlyError(f"{self._state.storage.url} was opened for reading; load it with read_only=False to write")
        return self._writer

    def _see_appended(self) -> None:
        if self._writer is not None:
            self._writer.settle(self._tensor.key)

    def _what(self) -> str:
        return f"tensor {self.name!r}"

    def _rows(self) -> NDArray[np.int64]:
        return self.index.resolve(self._tensor.length)

    def _items(self, items: NDArray[np.int64]) -> Sequence[Stored]:
        if self._tensor.meta.is_link:
            return linked_items(self._state, self._tensor, items)
        return reader.stored_items(self._state, self._tensor, items)

    def links(self, rows: NDArray[np.int64]) -> Sequence[Link | None | LakeError]:
        """The links of items of a link tensor, unopened."""
        return stored_links(self._state, self._tensor, rows)

    def _whole(self) -> list[Any]:
        """Stored samples of the selected rows; a row that cannot be read raises."""
        found = self.stored(self._rows().tolist())
        for stored in found:
            for one in stored if isinstance(stored, list) else [stored]:
                if isinstance(one, LakeError):
                    raise one
        return found

    def _arrays(self) -> list[Any]:
        found = self._whole()
        polygons = htype_row(self._tensor.meta.htype).payload == "polygon"
        decode = (lambda many: [one.value() for one in many]) if polygons else reader.decode_all
        if self.is_sequence:
            arrays: list[Any] = [decode(row) for row in found]
        else:
            arrays = decode(found)
        for items in self.index.sub:
            arrays = [_part(array, items) for array in arrays]
        return arrays

    def _values(self) -> Any:
        values = [[one.value() for one in row] if isinstance(row, list) else row.value() for row in self._whole()]
        return self._each(values)

    def _each(self, values: Sequence[Any]) -> Any:
        return values[0] if self.index.is_single else list(values)

    def _expect(self, payloads: set[str], method: str) -> Any:
        payload = htype_row(self._tensor.meta.htype).payload
        if payload not in payloads:
            raise HtypeError(f"{self._what()} has htype {self.htype}; {method}() is for {' and '.join(sorted(payloads))}")
        return self._values()


def _is_plain(sub: tuple[Any, ...]) -> bool:
    return all(isinstance(item, (int, slice)) for items in sub for item in items)


def _part(array: Any, items: tuple[Any, ...]) -> Any:
    try:
        if isinstance(array, list):  # items of a sequence
            chosen = Index().narrowed(items[0], len(array))
            picked = [_part(array[at], items[1:]) if items[1:] else array[at] for at in chosen.resolve(len(array)).tolist()]
            return picked[0] if chosen.is_single else picked
        return array[items]
    except IndexError as error:
        raise RowError(str(error)) from error


def _common(arrays: list[Any], count: int) -> tuple[int | None, ...]:
    shapes = [_common(array, len(array)) if isinstance(array, list) else array.shape for array in arrays]
    if not shapes:
        return (count,)
    rank = max(map(len, shapes))
    dims = zip(*[shape for shape in shapes if len(shape) == rank], strict=True)
    return (count, *(axis[0] if len(set(axis)) == 1 else None for axis in dims))


def _named(value: Any, names: Sequence[str]) -> Any:
    """Labels as class names, in the nesting of ``value``; a number beyond the names stands as itself."""
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return _names_of(np.asarray(value).tolist(), names)


def _names_of(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_names_of(one, names) for one in value]
    return names[value] if 0 <= value < len(names) else str(value)
