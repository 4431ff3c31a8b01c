"""What is going to be a dataset: its tensors, and batches of rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import LakeError, counted
from deeplake_nb.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from deeplake_nb.dataset.dataset import Dataset

    Batch = Mapping[str, Sequence[Any]]

_ROWS = 64


@dataclass(frozen=True, slots=True)
class Ingestion:
    """A source that was read.

    Attributes:
        tensors: arguments of ``create_tensor``, by name.
        batches: values by tensor; a batch may leave tensors out.
        count: rows of all batches together.
        spared: the tensor that gets an empty sample where a row's value of it cannot be stored; the rest of it is kept.
        info: fields of tensors' info, by tensor.
    """

    tensors: Mapping[str, Mapping[str, Any]]
    batches: Iterable[Batch]
    count: int
    spared: Sequence[str] = ()
    info: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def into(self, ds: Dataset, *, progressbar: bool) -> list[str]:
        """Make the tensors that are missing, and append the rows; what was left out, as text.

        Raises:
            LakeError: a value that cannot be stored.
        """
        left_out: list[str] = []
        with ds:
            for name, arguments in self.tensors.items():
                if name not in ds.tensors:
                    ds.create_tensor(name, **arguments)
            for name, info in self.info.items():
                ds[name].info.update(info)
            with Progress(f"ingest into {ds.path}", "rows", self.count, is_shown=progressbar) as told:
                for batch in self.batches:
                    left_out += self._append(ds, batch)
                    told(max(map(len, batch.values())))
        return left_out

    def _append(self, ds: Dataset, batch: Batch) -> list[str]:
        """Append a batch; row by row, if something in it cannot be stored."""
        try:
            ds.extend(batch, skip_ok=True)
        except LakeError:
            if not self.spared:
                raise
        else:
            return []
        left_out = []
        for values in zip(*batch.values(), strict=True):
            row = dict(zip(batch, values, strict=True))
            try:
                ds.append(row, skip_ok=True)
            except LakeError as error:
                ds.append({name: None if name in self.spared else value for name, value in row.items()}, skip_ok=True)
                left_out.append(str(error))
        return left_out


def in_batches(rows: Iterable[Mapping[str, Any]]) -> Iterable[Batch]:
    """Rows as batches, for rows of the same tensors."""
    left = iter(rows)
    while some := list(islice(left, _ROWS)):
        yield {name: [row[name] for row in some] for name in some[0]}


def told(left_out: Sequence[str], source: object) -> None:
    """Warn of what is not there now."""
    if left_out:
        warnings.warn(
            f"{counted(len(left_out), 'file')} of {source} could not be stored, leaving empty samples: {left_out[0]}",
            stacklevel=3,
        )
