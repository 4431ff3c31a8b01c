"""A tensor: one column of a dataset, or a selection of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.dataset.editable import EditableTensor
from deeplake_nb.dataset.info import Info
from deeplake_nb.dataset.selection import Selection
from deeplake_nb.errors import HtypeError, LakeError, ReadOnlyError, RowError
from deeplake_nb.format.htypes import TEXT_LIKE, htype_row
from deeplake_nb.format.index import Index

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.dataset.writer import Writer
    from deeplake_nb.format.meta import TensorMeta
    from deeplake_nb.format.samples import StoredSample


class ShapeInterval(NamedTuple):
    """Bounds of shapes, axis by axis."""

    lower: tuple[int, ...]
    upper: tuple[int, ...]

    def __str__(self) -> str:
        axes = (str(low) if low == high else f"{low}:{high}" for low, high in zip(self.lower, self.upper, strict=True))
        return f"({', '.join(axes)})"


class Tensor(EditableTensor):
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
        """Dtype of the samples; object for JSON and lists, None before the first sample of an untyped tensor."""
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
    def shape_interval(self) -> ShapeInterval:
        """Lower and upper bounds of ``(rows, *sample shape)`` over the whole tensor."""
        meta, length = self._tensor.meta, self._tensor.length
        return ShapeInterval((length, *meta.min_shape), (length, *meta.max_shape))

    @property
    def shape(self) -> tuple[int | None, ...]:
        """``(rows, *sample shape)``, None where it varies; of a single row the sample's shape."""
        if self.index.is_whole and not self.is_sequence:
            return Selection(self._state, self._tensor, self.index).shape()  # which reads nothing, so flushes nothing
        return self._selection().shape()

    def shapes(self) -> NDArray[np.int32]:
        """The shape of each selected sample, as an array ``(rows, axes)``.

        Raises:
            DynamicShapeError: samples with several numbers of axes.
        """
        return self._selection().shapes()

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
        shown = "" if self.index.is_whole else f", {len(self)} of {self._tensor.length} rows"
        return (
            f"Tensor({self.name!r}, htype={self.htype!r}, dtype={self.meta.dtype}, length={self._tensor.length}{shown})"
        )

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
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def numpy(self, aslist: bool = False, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """The selected samples: one array ``(rows, *shape)``, or the sample's array for a single row.

        With ``aslist`` a list of arrays, which may have several shapes. Text comes as arrays of strings of shape
        ``(1,)``, JSON as object arrays of shape ``(1,)``. Chunks are cached: ``fetch_chunks`` has nothing to add.

        Raises:
            DynamicShapeError: several shapes without ``aslist``.
            FormatError: corrupt bytes.
        """
        return self._selection().numpy(aslist=aslist)

    def data(self, aslist: bool = False, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """``{"value": ...}`` in the form natural to the htype, with what describes it (class names, coords, ...)."""
        row = htype_row(self.meta.htype)
        if row.payload in TEXT_LIKE:
            return {"value": self._selection().values()}
        out = {"value": self.numpy(aslist=aslist or row.payload == "polygon")}
        described = dict(self._state.tensor_info(self._tensor))
        if row.name == "class_label" and described.get("class_names"):
            out["text"] = _named(out["value"], described["class_names"])
        out |= {name: described.get(name) for name in row.info if (row.name, name) not in _NOT_IN_DATA}
        if row.has_sample_info or row.mode is not None:
            out["sample_info"] = self.sample_info or {}
        return out

    def text(self, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """Strings: one for a single row, else a list.

        Raises:
            HtypeError: not a text tensor.
        """
        return self._expect("text", "text")

    def dict(self, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """JSON values: one for a single row, else a list.

        Raises:
            HtypeError: not a json tensor.
        """
        return self._expect("dict", "json")

    def list(self, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """Lists: one for a single row, else a list of them.

        Raises:
            HtypeError: not a list or tag tensor.
        """
        return self._expect("list", "list", "tag")

    def path(self, aslist: bool = True, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """Paths of a link tensor, an array of one for each link; of a single row its own, else a list of them.

        A row of a sequence is a list of such arrays; an empty text stands where there is no link. Without ``aslist``
        the paths of several rows are one array ``(rows, 1)``.

        Raises:
            HtypeError: not a link tensor.
        """
        if not self.is_link:
            raise HtypeError(f"tensor {self.name!r} has htype {self.htype}; path() is for link tensors")
        found = self._selection().paths()
        return found if aslist or self.index.is_single or self.is_sequence else np.array(found).reshape(-1, 1)

    def tobytes(self) -> bytes:
        """The stored bytes of a single row: the file as it was appended, or raw C-order bytes.

        Raises:
            RowError: several rows.
        """
        if not self.index.is_single or self.is_sequence:
            raise RowError(f"tensor {self.name!r}: tobytes() takes one row, such as ds.{self.name}[0].tobytes()")
        selection = self._selection()
        (stored,) = selection.stored(selection.rows)
        if isinstance(stored, LakeError):
            raise stored
        return bytes(stored.data)  # type: ignore[union-attr]

    @property
    def sample_info(self) -> Any:
        """What is known of the files behind the rows: one dict for a single row; None where nothing was kept."""
        return self._selection().sample_infos()

    def stored(self, rows: Sequence[int]) -> Sequence[StoredSample | LakeError | Sequence[StoredSample | LakeError]]:
        """Undecoded samples of ``rows`` (numbers within the whole tensor), in order, with coalesced requests.

        A row that cannot be read stands as its ``LakeError``; the others are there. Links give the linked file's
        bytes; a sequence's row is a list. Thread-safe.

        Raises:
            RowError: out of range.
        """
        return self._selection().stored(rows)

    # ------------------------------------------------------------------ writing

    def append(self, sample: Any) -> None:
        """Add one row.

        Raises:
            SampleError: a value that does not fit; nothing changed.
            ReadOnlyError: opened for reading.
        """
        self.extend([sample] if not isinstance(sample, np.ndarray) else sample[None])

    def extend(
        self,
        samples: Any,
        progressbar: bool = False,  # noqa: ARG002 - v3's argument
        ignore_errors: bool = False,
    ) -> None:
        """Add a batch of rows, all or none; an array's first axis is rows, an iterator is taken in slabs.

        With ``ignore_errors`` values that do not fit are left out.

        Raises:
            SampleError: a value that does not fit; nothing changed.
            ReadOnlyError: opened for reading.
        """
        self._write().extend({self._tensor.key: samples}, skip_bad=ignore_errors)

    # ------------------------------------------------------------------ inside

    def _write(self) -> Writer:
        if not self.index.is_whole:
            raise ReadOnlyError(f"this is a selection of tensor {self.name!r}; write to the tensor itself")
        if self._writer is None:
            raise ReadOnlyError(
                f"{self._state.storage.url} was opened for reading; load it with read_only=False to write"
            )
        return self._writer

    def _selection(self) -> Selection:
        """The reading end; rows appended but not flushed are flushed first, so that it finds them."""
        tensor = self._tensor if self._writer is None else self._writer.settled(self._tensor)
        return Selection(self._state, tensor, self.index)

    def _expect(self, method: str, *payloads: str) -> Any:
        if htype_row(self.meta.htype).payload not in payloads:
            expected = " and ".join(payloads)
            raise HtypeError(f"tensor {self.name!r} has htype {self.htype}; {method}() is for {expected} tensors")
        return self._selection().values()


_NOT_IN_DATA = {("class_label", "class_names"), ("image", "intrinsics")}
"""Properties that ``data()`` of the original leaves out."""


def _named(value: Any, names: Sequence[str]) -> Any:
    """Labels as class names, in the nesting of ``value``; a number beyond the names stands as itself."""
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return _names_of(np.asarray(value).tolist(), names)


def _names_of(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_names_of(one, names) for one in value]
    return names[value] if 0 <= value < len(names) else str(value)
