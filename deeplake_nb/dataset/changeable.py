"""Rows added, changed and removed in all tensors at once: the part of ``Dataset`` with v3's methods for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import updates
from deeplake_nb.dataset.editable import EditableTensor, rows_to_remove
from deeplake_nb.dataset.rows import Rows
from deeplake_nb.errors import RowError, SampleError
from deeplake_nb.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_OWN = frozenset({"index"})
"""Public attributes of each dataset, which no tensor's name takes the place of."""


def _by_tensor(sample: Mapping[str, Any] | Rows, what: str) -> Mapping[str, Any]:
    """What was given for each tensor.

    Raises:
        SampleError: neither a mapping nor rows.
    """
    if isinstance(sample, Rows):
        return sample.tensors
    if not isinstance(sample, Mapping):
        raise SampleError(f"{what} takes a dictionary of tensors, such as {{'x': ...}}, got a {type(sample).__name__}")
    return sample


class Changeable(Rows):
    """Rows as wholes: one value for each tensor."""

    def append(self, sample: Mapping[str, Any] | Rows, skip_ok: bool = False, append_empty: bool = False) -> None:
        """Add one row: a value for each tensor, all or none.

        Args:
            sample: the values, by tensor; or a row of another dataset, whose files stay what they are.
            skip_ok: tensors without a value get none, and stay shorter.
            append_empty: tensors without a value get an empty sample.

        Raises:
            SampleError: a tensor is missing or unknown, tensors differ in length, or a value does not fit.
        """
        if type(sample) is not dict:  # which takes a while to ask for each row
            sample = _by_tensor(sample, "append")
        writer = self._writer
        if writer is not None and not self.is_view and writer.wait(self._group, sample):
            return
        self.extend({name: [value] for name, value in sample.items()}, skip_ok, append_empty)
        if writer is not None and writer.may_wait and not (skip_ok or append_empty):
            known = self._state.meta.tensor_names
            names = {name: known[self._full(name)] for name in sample}
            writer.expect({names[name]: value for name, value in sample.items()}, self._group, names)

    def extend(
        self,
        samples: Mapping[str, Any] | Rows,
        skip_ok: bool = False,
        append_empty: bool = False,
        ignore_errors: bool = False,
        progressbar: bool = True,
    ) -> None:
        """Add rows: as many values for each tensor, all or none.

        Args:
            samples: the values, by tensor: sequences, or arrays whose first axis is rows; or rows of another dataset.
            skip_ok: tensors without values get none, and stay shorter.
            append_empty: tensors without values get empty samples.
            ignore_errors: leave out rows with a value that does not fit, instead of all of them.
            progressbar: show how far it is, once it takes longer than a second.

        Raises:
            SampleError: a tensor is missing or unknown, numbers of values differ, or a value does not fit.
        """
        samples = _by_tensor(samples, "extend")
        writer, tensors = self._write(), self.tensors
        columns = {}
        for name, values in samples.items():
            known = values if hasattr(values, "__len__") else self._listed(values, is_shown=progressbar)
            columns[self._visible(name).key] = known
        counts = {name: len(columns[tensors[name].key]) for name in samples}
        if len(set(counts.values())) > 1:
            raise SampleError(f"tensors have different numbers of values: {counts}; rows need one for each of them")
        missing = [name for name in tensors if name not in samples]
        if missing and append_empty:
            columns |= {tensors[name].key: [None] * max(counts.values(), default=0) for name in missing}
        elif missing and not skip_ok:
            which = f"tensor{'s' if missing[1:] else ''} {', '.join(map(repr, missing))}"
            raise SampleError(f"no value for {which}; a row needs one for each tensor of its dataset, or None")
        writer.extend(columns, in_step=True, skip_bad=ignore_errors, is_shown=progressbar)

    def _listed(self, values: Iterable[Any], *, is_shown: bool) -> list[Any]:
        """What an iterator gives, which may take its time."""
        found = []
        what, undone = f"add to {self._state.storage.url}", "nothing was added"
        with Progress(what, "samples", undone=undone, is_shown=is_shown, is_passing=True) as progress:
            for value in values:
                found.append(value)
                progress()
        return found

    def __setitem__(self, name: str, value: Any) -> None:
        """``ds["x"] += 1`` ends in this; any other value goes to all rows of the tensor."""
        self[name][:] = value

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or name in _OWN or hasattr(type(self), name):
            super().__setattr__(name, value)
        elif isinstance(value, EditableTensor) or name in self.tensors:
            self[name][:] = value  # ``ds.x += 1`` ends in this
        elif isinstance(value, (np.ndarray, np.generic)):
            raise SampleError(f"{self.path} has no tensor {name!r}: create_tensor makes one, and extend fills it")
        else:
            super().__setattr__(name, value)

    def update(self, sample: Mapping[str, Any]) -> None:
        """Give the rows of this selection new values, in all tensors named or in none.

        Args:
            sample: by tensor, a value where this is a single row; else as many values as there are rows.

        Raises:
            SampleError: a value that does not fit, or another number of values; nothing changed.
            TensorNotFoundError: no such tensor.
            ReadOnlyError: opened for reading.
        """
        columns = {}
        for name, value in _by_tensor(sample, "update").items():
            tensor = self._visible(name)
            tensor._changing()  # noqa: SLF001 - of what this consists of
            rows = tensor.index.resolve(tensor._tensor.length)  # noqa: SLF001
            columns[tensor.key] = rows, tensor._values(tensor.index, value)  # noqa: SLF001
        if self._asked and len({tuple(rows.tolist()) for rows, _ in columns.values()}) > 1:
            raise RowError("tensors differ in length, and these are other rows of each: count rows from the front")
        if columns and self._writer is not None:
            updates.update(self._writer, columns)

    def pop(self, index: int | Sequence[int] | None = None) -> None:
        """Remove rows by number from all tensors that have them; without one, the last row of the longest.

        Raises:
            RowError: no tensor has such a row, or a number twice.
            ReadOnlyError: opened for reading.
        """
        writer = self._write()
        tensors = list(self.tensors.values())
        asked = rows_to_remove(index, max(map(len, tensors), default=0))
        if not asked.size:
            return
        with writer.changing():  # what others have written is read by now
            lengths = {tensor.key: len(tensor) for tensor in tensors}
            rows = rows_to_remove(None if index is None else asked.tolist(), max(lengths.values()))
            updates.remove(writer, {key: rows[rows < length] for key, length in lengths.items()})

    def clear(self) -> None:
        """Remove all rows of all tensors.

        Raises:
            ReadOnlyError: opened for reading.
        """
        self._write()
        tensors = list(self.tensors.values())
        for tensor in tensors:
            writer = tensor._changing(whole=True)  # noqa: SLF001 - of what this consists of
        if tensors:
            updates.clear(writer, [tensor.key for tensor in tensors])
