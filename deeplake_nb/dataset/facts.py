"""What is known of a tensor without reading its samples: the half of ``Tensor`` with v3's properties."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.dataset.info import Info
from deeplake_nb.dataset.selection import Selection
from deeplake_nb.dataset.values import selected
from deeplake_nb.errors import ReadOnlyError, counted
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.index import Index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.dataset.writer import Writer
    from deeplake_nb.format.meta import TensorMeta


class ShapeInterval(NamedTuple):
    """Bounds of shapes, axis by axis."""

    lower: tuple[int, ...]
    upper: tuple[int, ...]

    @property
    def is_dynamic(self) -> bool:
        """Whether there may be several shapes."""
        return self.lower != self.upper

    def astuple(self) -> tuple[int | None, ...]:
        """One shape, with None where it varies."""
        return tuple(low if low == high else None for low, high in zip(self.lower, self.upper, strict=True))

    def __str__(self) -> str:
        axes = [str(low) if low == high else f"{low}:{high}" for low, high in zip(self.lower, self.upper, strict=True)]
        return f"({', '.join(axes)}{',' * (len(axes) == 1)})"


class TensorFacts:
    """A tensor, or a selection of its rows, and what is said of it."""

    __slots__ = ("_held", "_of", "_writer", "index")

    def __init__(self, state: State, tensor: TensorState, writer: Writer | None, index: Index | None = None) -> None:
        self._held, self._of = state, tensor
        self._writer = writer
        self.index = index or Index()

    @property
    def _state(self) -> State:
        """With every row that was appended."""
        if self._writer is not None:
            self._writer.settle()
        return self._held

    @property
    def _tensor(self) -> TensorState:
        if self._writer is not None:
            self._writer.settle()
        return self._of

    @property
    def _key(self) -> str:
        return self._of.key

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
        """The user's own description, and the htype's properties such as ``class_names``; may be set to a mapping."""

        def changed(info: dict[str, Any]) -> None:
            self._write().set_info(self._tensor.key, info)

        return Info(lambda: self._state.tensor_info(self._tensor), changed)

    @info.setter
    def info(self, info: Mapping[str, Any]) -> None:
        self.info.replace_with(info)

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
        """Whether rows may have several shapes; as in v3 not of a tensor without rows."""
        if not self.index.is_whole:
            return self.shape_interval.is_dynamic
        meta = self._tensor.meta
        return meta.length > 0 and (self.shape_interval.is_dynamic or not meta.is_fixed_shape)

    @property
    def shape_interval(self) -> ShapeInterval:
        """Bounds of ``(rows, *sample shape)`` of the selected rows; of a sequence ``(rows, items, *sample shape)``."""
        if self.index.is_whole:
            return self.whole_interval
        return ShapeInterval(*self._selection().bounds())

    @property
    def whole_interval(self) -> ShapeInterval:
        """``shape_interval`` of the whole tensor, whatever is selected: nothing is read for it."""
        return ShapeInterval(*Selection(self._state, self._tensor, Index()).bounds())

    @property
    def shape(self) -> tuple[int | None, ...]:
        """``(rows, *sample shape)``, None where it varies; of a single row the sample's shape."""
        if self.index.is_whole and not self.is_sequence:
            return Selection(self._state, self._tensor, self.index).shape()  # which reads nothing, so flushes nothing
        return self._selection().shape()

    def shapes(self) -> NDArray[np.int64] | list[NDArray[np.int64]]:
        """The shape of each selected sample, as an array ``(rows, axes)``.

        Of a sequence those of the items, ``(rows, items, axes)``; a list of arrays where rows have several numbers of
        items.

        Raises:
            DynamicShapeError: samples with several numbers of axes.
        """
        return self._selection().shapes()

    @property
    def ndim(self) -> int:
        """Number of axes, rows included."""
        return len(self.shape)

    @property
    def size(self) -> int | None:
        """Number of values in all rows; None where shapes vary."""
        shape = self.shape
        return None if None in shape else math.prod(side for side in shape if side is not None)

    @property
    def verify(self) -> bool:
        """Whether links are opened when they are appended."""
        return self.is_link and self._tensor.meta.verify

    @property
    def sample_indices(self) -> list[int]:
        """Numbers of the selected rows within the whole tensor."""
        return list(map(int, self.index.resolve(self._tensor.length)))

    def summary(self) -> None:
        """Print htype, dtype, shape range, length, compression and array size."""
        from deeplake_nb.dataset.summary import tensor_summary
        from deeplake_nb.preview.summary import summary_text

        print(summary_text(*tensor_summary(self)))  # noqa: T201 - v3's method prints

    def __len__(self) -> int:
        return self.index.count(self._tensor.length)

    @property
    def num_samples(self) -> int:
        """Number of rows."""
        return len(self)

    def __repr__(self) -> str:
        shown = "" if self.index.is_whole else f", {len(self):,} of {counted(self._tensor.length, 'row')}"
        return (
            f"Tensor({self.name!r}, htype={self.htype!r}, dtype={self.meta.dtype}, length={self._tensor.length}{shown})"
        )

    def given(self) -> Any:
        """What is appended where this is given as a value: a single row as it is stored, several as one array.

        Raises:
            LakeError: a row that cannot be read.
        """
        if self.index.is_single:
            return next(self.rows_given())
        return self._selection().numpy(aslist=False)

    def rows_given(self) -> Iterator[Any]:
        """The rows as values that can be appended to another tensor: files and links stay what they are."""
        selection = self._selection()
        return selected(selection.state, selection.tensor, selection.index)

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
