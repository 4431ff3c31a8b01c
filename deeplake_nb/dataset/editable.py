"""Changing and removing rows of a tensor, and parts of them: the half of ``Tensor`` with v3's methods for it."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import updates
from deeplake_nb.dataset.companions import file_info
from deeplake_nb.errors import ReadOnlyError, RowError, SampleError
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.payloads import Encoder
from deeplake_nb.format.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from deeplake_nb.dataset.selection import Selection
    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.dataset.writer import Writer
    from deeplake_nb.format.index import Index
    from deeplake_nb.format.meta import TensorMeta

    Ints = NDArray[np.int64]


def _worked(work: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    """The result; of floats in the precision they had, as numpy does in place."""
    result = work(one, other)
    is_float = isinstance(result, np.ndarray) and result.dtype.kind in "fc" and one.dtype.kind == result.dtype.kind
    return result.astype(one.dtype, copy=False) if is_float else result


def _in_place(work: Callable[[Any, Any], Any]) -> Callable[[EditableTensor, Any], EditableTensor]:
    def change(self: EditableTensor, other: Any) -> EditableTensor:
        other = other.numpy() if isinstance(other, EditableTensor) else other
        if self.index.is_single:
            self._assign(self.index, _worked(work, self.numpy(aslist=False), other))
        else:
            old = self._selection().numpy(aslist=True)
            values = other if isinstance(other, (list, np.ndarray)) and len(other) == len(old) else [other] * len(old)
            self._assign(self.index, [_worked(work, one, value) for one, value in zip(old, values, strict=True)])
        return self

    return change


class EditableTensor:
    """Assignment to rows, and to parts of samples: ``t[3] = ...``, ``t[2:5] += 1``, ``t[0, 4:8] = ...``."""

    __slots__ = ()

    _state: State
    _tensor: TensorState
    _of: TensorState
    _key: str
    _writer: Writer | None
    index: Index

    if TYPE_CHECKING:
        numpy: Callable[..., Any]
        extend: Callable[..., None]

        def rows_given(self) -> Iterator[Any]:
            """The rows as values that can be appended."""

        def _selection(self) -> Selection: ...

    __iadd__ = _in_place(operator.add)
    __isub__ = _in_place(operator.sub)
    __imul__ = _in_place(operator.mul)
    __itruediv__ = _in_place(operator.truediv)
    __ifloordiv__ = _in_place(operator.floordiv)
    __imod__ = _in_place(operator.mod)
    __ipow__ = _in_place(operator.pow)
    __iand__ = _in_place(operator.and_)
    __ior__ = _in_place(operator.or_)
    __ixor__ = _in_place(operator.xor)
    __ilshift__ = _in_place(operator.lshift)
    __irshift__ = _in_place(operator.rshift)

    def __setitem__(self, item: Any, value: Any) -> None:
        """Give rows new values, or parts of them; a row beyond the end is added, with empty rows between.

        Raises:
            SampleError: a value that does not fit, or another number of values than rows; nothing changed.
            RowError: no such rows.
            ReadOnlyError: opened for reading.
        """
        if self._waits(item, value):
            return
        length = self._tensor.length
        if (
            self.index.is_whole
            and isinstance(item, (int, np.integer))
            and not isinstance(item, bool)
            and item >= length
        ):
            self.extend([*[None] * (int(item) - length), value])
            return
        index = self.index.narrowed(item, length)
        if isinstance(value, EditableTensor):
            if value._tensor is self._tensor and _is_same(value.index, index, length):  # noqa: SLF001 - of this class
                return  # ``t[2:5] += 1`` ends in this, when all is done
            value = value.numpy(aslist=not value.index.is_single)
        self._assign(index, value)
        if self._writer is not None and self._writer.may_wait and index.is_single and not index.sub:
            self._writer.expect({self._key: value})

    def _waits(self, item: Any, value: Any) -> bool:
        """Whether a row's new value waits to be written together with others."""
        if self._writer is None or type(item) is not int or not self.index.is_whole:
            return False
        return 0 <= item < self._of.length and self._writer.wait_change(self._key, item, value)

    def _assign(self, index: Index, value: Any) -> None:
        writer = self._changing()
        if not index.sub:
            rows = index.resolve(self._tensor.length)
            updates.update(writer, {self._tensor.key: (rows, self._values(index, value))})
            return
        with writer.changing():  # the other parts are as others have written them by now
            self._assign_parts(writer, index, value)

    def _assign_parts(self, writer: Writer, index: Index, value: Any) -> None:
        rows = index.resolve(self._tensor.length)
        is_one = index.is_single and len(index.sub) == 1
        if is_one and updates.update_part(writer, self._tensor.key, int(rows[0]), index.sub[0], value):
            return
        if self._tensor.meta.is_sequence and [len(items) for items in index.sub] == [1]:
            values, infos = self._with_items(index, rows, value)
        else:
            values, infos = self._with_parts(index, rows, value)
        updates.update(writer, {self._tensor.key: (rows, values)}, infos={self._tensor.key: infos} if infos else None)

    def _values(self, index: Index, value: Any) -> Any:
        """The new values, one for each row."""
        if index.is_single:
            rank = len(self._tensor.meta.max_shape)
            is_batch = isinstance(value, np.ndarray) and rank and value.ndim == rank + 1 and len(value) == 1
            return value if is_batch and not self._tensor.meta.is_sequence else [value]
        if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
            value = [value]
        return value

    def _with_items(self, index: Index, rows: Ints, value: Any) -> tuple[list[Any], list[dict[str, Any]] | None]:
        """Whole rows of a sequence some of whose items are new; the others stay the files and links they are."""
        meta = self._tensor.meta
        whole = type(self)(self._state, self._tensor, self._writer, type(index)(rows))  # type: ignore[call-arg]
        samples = list(whole.rows_given())
        infos = None if meta.is_link else whole._selection().sample_infos()  # noqa: SLF001 - of this class
        for at, (sample, part) in enumerate(zip(samples, _each_part(index, rows, value), strict=True)):
            try:
                chosen = np.arange(len(sample))[index.sub[0][0]]
            except IndexError as error:
                raise SampleError(f"tensor {meta.name!r}: the part does not fit the sample ({error})") from error
            is_each = chosen.ndim and isinstance(part, (list, np.ndarray)) and len(part) == len(chosen)
            for place, one in zip(chosen.flat, part if is_each else [part] * chosen.size, strict=True):
                sample[place] = one
                if infos is not None:
                    infos[at][place] = file_info(one) if isinstance(one, Sample) and one.is_file else {}
        return samples, infos and [info for row in infos for info in row]

    def _with_parts(self, index: Index, rows: Ints, value: Any) -> tuple[list[Any], list[dict[str, Any]] | None]:
        """Whole samples whose parts are new, and what is known of their files."""
        meta = self._tensor.meta
        if htype_row(meta.htype).payload != "array" or meta.is_link:
            raise SampleError(f"tensor {meta.name!r}: only arrays have parts to assign to; assign whole samples")
        whole = type(self)(self._state, self._tensor, self._writer, type(index)(rows))  # type: ignore[call-arg]
        samples = [_copied(one) for one in whole.numpy(aslist=True)]
        if not index.is_single and not meta.is_sequence and len({one.shape for one in samples}) == 1:
            sub = tuple((slice(None), *items) for items in index.sub)  # as numpy would assign to all of them at once
            samples = list(_with_part(np.stack(samples), sub, value, meta))
        else:
            parts = zip(samples, _each_part(index, rows, value), strict=True)
            samples = [_with_part(one, index.sub, part, meta) for one, part in parts]
        infos = whole._selection().sample_infos()  # noqa: SLF001 - of this class
        if infos is not None and meta.is_sequence:
            infos = [info for row in infos for info in row]
        return samples, infos and [{**info, "modified": True} if "modified" in info else info for info in infos]

    def pop(self, index: int | Sequence[int] | None = None) -> None:
        """Remove rows by number; without one, the last.

        Raises:
            RowError: no such row, a number twice, or one counted from the end.
            ReadOnlyError: opened for reading.
        """
        writer = self._changing(whole=True)
        asked = rows_to_remove(index, self._tensor.length)
        with writer.changing():  # what others have written is read by now
            rows = rows_to_remove(None if index is None else asked.tolist(), self._tensor.length)
            updates.remove(writer, {self._tensor.key: rows})

    def clear(self) -> None:
        """Remove all rows.

        Raises:
            ReadOnlyError: opened for reading.
        """
        updates.clear(self._changing(whole=True), [self._tensor.key])

    def _changing(self, *, whole: bool = False) -> Writer:
        if whole and not self.index.is_whole:
            raise ReadOnlyError(f"this is a selection of tensor {self._tensor.meta.name!r}; ask the tensor itself")
        if self._writer is None:
            raise ReadOnlyError(
                f"{self._state.storage.url} was opened for reading; load it with read_only=False to write"
            )
        return self._writer


def rows_to_remove(index: int | Iterable[int] | None, length: int) -> Ints:
    """What ``pop`` is asked to remove, in order; without a number the last row.

    Raises:
        RowError: no such row, or a number twice.
    """
    if index is None and not length:
        raise RowError("there are no rows to remove")
    wanted = [length - 1] if index is None else [index] if isinstance(index, (int, np.integer)) else list(index)
    for row in wanted:
        if type(row) is bool or not 0 <= row < length:
            raise RowError(f"cannot remove row {row!r:.40} of {length}: rows are counted from 0")
    if len(set(wanted)) != len(wanted):
        raise RowError("cannot remove a row twice")
    return np.array(sorted(wanted), np.int64)


def _is_same(one: Index, other: Index, length: int) -> bool:
    if one.sub or other.sub:
        return repr(one.sub) == repr(other.sub) and np.array_equal(one.resolve(length), other.resolve(length))
    return np.array_equal(one.resolve(length), other.resolve(length))


def _each_part(index: Index, rows: Ints, value: Any) -> list[Any]:
    """What a part of each row becomes."""
    is_listed = not index.is_single and isinstance(value, list) and len(value) == len(rows)
    return value if is_listed else [value] * len(rows)


def _copied(sample: Any) -> Any:
    return [_copied(one) for one in sample] if isinstance(sample, list) else np.array(sample)


def _with_part(sample: Any, sub: tuple[tuple[Any, ...], ...], part: Any, meta: TensorMeta) -> Any:
    """The sample with one part replaced; of a row of a sequence the first index is the item's."""
    items, rest = sub[0], sub[1:]
    try:
        if isinstance(sample, list):
            inner = (items[1:], *rest) if items[1:] else rest
            chosen = np.arange(len(sample))[items[0]]
            for at in np.atleast_1d(chosen).tolist():
                sample[at] = _with_part(sample[at], inner, part, meta) if inner else part
            return sample
        target = sample
        for one in sub[:-1]:
            target = target[one]
        target[sub[-1]] = Encoder(meta).cast(np.asarray(part), exact=isinstance(part, np.ndarray))
    except (IndexError, ValueError, TypeError) as error:
        if isinstance(error, SampleError):
            raise
        raise SampleError(f"tensor {meta.name!r}: the part does not fit the sample ({error})") from error
    return sample
