"""Functions run over samples, whose results become rows of a dataset: v3's ``@compute`` and ``compose``."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.rows import Rows
from deeplake_nb.dataset.tensor import Tensor
from deeplake_nb.dataset.values import values_of
from deeplake_nb.errors import LakeError, SampleError, is_of_input
from deeplake_nb.progress import Progress
from deeplake_nb.storage.parallel import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_ROWS = 64
"""So many inputs' results are appended together."""


class Column:
    """Values that a function has given for one tensor."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def append(self, value: Any) -> None:
        """Give one value; a row of a tensor stays the file that it is."""
        self._values.append(next(_rows_of(value)) if _is_row(value) else _plain(value))

    def extend(self, values: Any) -> None:
        """Give several values."""
        self._values.extend(_rows_of(values) if isinstance(values, Tensor) else map(_plain, values))

    def numpy(self, aslist: bool = False) -> Any:
        """What was given so far, as a further function of a pipeline reads it; a single value by itself."""
        arrays = [np.asarray(getattr(value, "array", value)) for value in self._values]
        return arrays[0] if len(arrays) == 1 and not aslist else arrays

    def __len__(self) -> int:
        return len(self._values)


class Results:
    """What a function writes to, as to a dataset: ``out.images.append(x)``, ``out.append({"images": x})``."""

    def __init__(
        self, columns: dict[str, list[Any]] | None = None, prefix: str = "", known: Sequence[str] = ()
    ) -> None:
        self.columns = columns if columns is not None else {}
        self._prefix = prefix
        self._known = known

    def __getitem__(self, name: str) -> Any:
        full = self._prefix + name
        if full not in self._known and any(one.startswith(f"{full}/") for one in self._known):
            return Results(self.columns, f"{full}/", self._known)
        return Column(self.columns.setdefault(full, []))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    @property
    def tensors(self) -> dict[str, Column]:
        """What was given so far, by tensor."""
        return {name: Column(values) for name, values in self.columns.items()}

    def rows(self) -> Iterator[Results]:
        """What was given so far, row by row."""
        for at in range(max(map(len, self.columns.values()), default=0)):
            yield Results({name: values[at : at + 1] for name, values in self.columns.items()}, known=self._known)

    def append(self, sample: Mapping[str, Any], skip_ok: bool = False, append_empty: bool = False) -> None:  # noqa: ARG002 - v3's arguments
        """Give one row."""
        for name, value in sample.items():
            self[name].append(value)

    def extend(self, samples: Mapping[str, Any], skip_ok: bool = False) -> None:  # noqa: ARG002 - v3's argument
        """Give several rows."""
        for name, values in samples.items():
            self[name].extend(values)


class Pipeline:
    """Functions one after the other, each with its arguments; made by calling what ``@compute`` gives."""

    def __init__(self, steps: Sequence[Callable[..., Any]]) -> None:
        self._steps = list(steps)  # each takes a sample and, but in a filter, what it writes to

    def __call__(self, sample: Any) -> Any:
        """What the function says of a sample, where it is one that ``filter`` takes.

        Raises:
            SampleError: there are several functions.
        """
        if len(self._steps) != 1:
            raise SampleError("a filter is one function of a row; this is a pipeline of several")
        return self._steps[0](sample)

    def eval(  # noqa: PLR0917 - v3's signature
        self,
        data_in: Any,
        ds_out: Any = None,
        num_workers: int = 0,
        scheduler: str = "threaded",
        progressbar: bool = True,
        skip_ok: bool = False,
        check_lengths: bool = True,
        ignore_errors: bool = False,
        **_: Any,
    ) -> None:
        """Run the functions on each sample, in order, and append what they give.

        Args:
            data_in: a dataset, or anything with a length and numbered items.
            ds_out: where to; without it rows of ``data_in`` get the new values, one for each.
            num_workers: so many threads run the functions, each on a sample of its own; the order stays the same.
                None for fewer than two. Pays where functions let other threads run, as numpy and Pillow do.
            scheduler: ``"serial"`` for no threads; every other one is threads.
            progressbar: show how far it is.
            skip_ok: the functions may leave tensors out.
            check_lengths: they must give as many values for each tensor.
            ignore_errors: leave out samples where they fail; a storage that fails is an error all the same.

        Raises:
            SampleError: values that do not fit, or other numbers of them than asked for; earlier samples are there.
            Exception: what a function raises, with a note that says for which sample.
        """
        target = data_in if ds_out is None else ds_out
        if ds_out is None and not isinstance(data_in, Rows):
            raise SampleError("without ds_out the data must be a dataset, whose rows get the new values")
        with target, Progress(f"compute into {target.path}", "samples", len(data_in), is_shown=progressbar) as told:
            columns: dict[str, list[Any]] = {}
            first, names = 0, list(target.tensors)
            workers = 0 if scheduler == "serial" else num_workers
            if workers > 1 and isinstance(data_in, Rows):
                _settle(data_in)

            def run(at: int) -> dict[str, list[Any]] | None:
                return self._given(data_in, at, names, ignore_errors=ignore_errors)

            for at, given in enumerate(in_order(run, range(len(data_in)), workers)):
                if given is not None:
                    self._check(given, at, target, skip_ok=skip_ok, check=check_lengths, one=ds_out is None)
                    for name, values in given.items():
                        columns.setdefault(name, []).extend(values)
                if ds_out is not None and at - first + 1 >= _ROWS:
                    _append(ds_out, columns, skip_ok=skip_ok)
                    columns, first = {}, at + 1
                told(1)
            if ds_out is not None:
                _append(ds_out, columns, skip_ok=skip_ok)
            elif columns:
                data_in.update(columns)

    def _given(self, data_in: Any, at: int, known: list[str], *, ignore_errors: bool) -> dict[str, list[Any]] | None:
        samples: list[Any] = [data_in[at]]
        try:
            for step in self._steps:
                results = Results(known=known)
                for sample in samples:
                    step(sample, results)
                samples = list(results.rows())
        except Exception as error:
            if ignore_errors and (not isinstance(error, LakeError) or is_of_input(error)):
                return None
            error.add_note(f"in compute, sample {at} of the input")
            raise
        return dict(results.columns)

    @staticmethod
    def _check(given: dict[str, list[Any]], at: int, target: Any, *, skip_ok: bool, check: bool, one: bool) -> None:
        counts = {name: len(values) for name, values in given.items()}
        if one and any(count != 1 for count in counts.values()):
            raise SampleError(f"sample {at}: in place each tensor gets one value, got {counts}; pass ds_out")
        if check and len(set(counts.values())) > 1:
            raise SampleError(f"sample {at}: tensors got different numbers of values: {counts}")
        missing = sorted(set(target.tensors) - set(given))
        if missing and not skip_ok and not one and given:
            raise SampleError(f"sample {at}: no value for tensor {missing[0]!r}; pass skip_ok=True to leave it out")


class Compute:
    """A function made by ``@compute``; calling it with further arguments gives a pipeline of one step."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        update_wrapper(self, function)

    def __call__(self, *arguments: Any, **options: Any) -> Pipeline:
        """The function with these arguments after ``(sample_in, sample_out)``, or after the row in a filter."""
        return Pipeline([lambda *given: self.function(*given, *arguments, **options)])


def compute(fn: Callable[..., Any], name: str | None = None) -> Compute:  # noqa: ARG001 - v3's argument
    """Make a function ``(sample_in, sample_out, ...)`` one that runs over samples: ``fn(...).eval(data_in, ds_out)``.

    Example:
        >>> import deeplake_nb as deeplake
        >>> ds = deeplake.empty("mem://compute-example")
        >>> _ = ds.create_tensor("square")
        >>> @deeplake.compute
        ... def squared(number, out):
        ...     out.square.append(number**2)
        >>> squared().eval([1, 2, 3], ds, progressbar=False)
        >>> ds.square.numpy().tolist()
        [[1], [4], [9]]
    """
    return Compute(fn)


def compose(functions: Sequence[Pipeline]) -> Pipeline:
    """One pipeline of several: each reads, row by row, what the one before has written.

    Raises:
        SampleError: there are none.
    """
    if not functions:
        raise SampleError("compose() takes a list of functions that compute() made, and got none")
    return Pipeline([step for one in functions for step in one._steps])  # noqa: SLF001 - of this file


def _settle(data: Rows) -> None:
    """Store rows that are not yet: other threads than the one that appended them see those that are stored."""
    for tensor in data.tensors.values():
        tensor._selection()  # noqa: SLF001 - which flushes what it reads


def _append(ds: Any, columns: dict[str, list[Any]], *, skip_ok: bool) -> None:
    if len({len(values) for values in columns.values()}) <= 1:
        ds.extend(columns, skip_ok=skip_ok)
        return
    for name, values in columns.items():
        ds[name].extend(values)


def _is_row(value: Any) -> bool:
    return isinstance(value, Tensor) and not value.index.sub and value.index.is_single


def _plain(value: Any) -> Any:
    return value.numpy() if isinstance(value, Tensor | Column) else value


def _rows_of(tensor: Tensor) -> Iterator[Any]:
    """Rows of a tensor as they are stored."""
    if tensor.index.sub:
        return iter(tensor._selection().numpy(aslist=True))  # noqa: SLF001 - of this package
    known = tensor._tensor  # noqa: SLF001 - of this package
    tensor._selection()  # noqa: SLF001 - which flushes what it reads
    return values_of(tensor._state, known, tensor.index.resolve(known.length))  # noqa: SLF001
