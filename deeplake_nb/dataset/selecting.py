"""Rows chosen by a condition, by a query or by chance: the part of ``Dataset`` with v3's methods for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from deeplake_nb.dataset import queries
from deeplake_nb.dataset.compute import Compute
from deeplake_nb.dataset.matching import matching, warn
from deeplake_nb.dataset.rows import Rows
from deeplake_nb.dataset.versions import Versions
from deeplake_nb.errors import SampleError, UnsupportedError, counted, there_are
from deeplake_nb.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

_Rows = TypeVar("_Rows", bound=Rows)


def listed(ds: _Rows) -> _Rows:
    """The same rows as a list that rows can be taken of: of a single row just that one."""
    if not ds.index.is_single:
        return ds
    *before, last = ds._asked or (None,)  # noqa: SLF001 - of this package
    first, *parts = last if isinstance(last, tuple) else (last,)
    asked = (*before, ([first], *parts)) if before else ()
    return ds._view(index=replace(ds.index, is_single=False), asked=asked)  # noqa: SLF001 - of this package


class Selecting(Versions):
    """Selections of rows."""

    _query: str | None = None  # the text of the filter that made this

    def filter(  # noqa: PLR0917 - v3's signature
        self,
        function: Callable[[Self], Any] | str,
        num_workers: int = 0,  # noqa: ARG002 - v3's argument
        scheduler: str = "threaded",  # noqa: ARG002 - v3's argument
        progressbar: bool = True,
        save_result: bool = False,
        result_path: Any = None,
        result_ds_args: dict[str, Any] | None = None,
    ) -> Self:
        """The rows for which ``function(row)`` is true, as a view.

        Text is much faster: ``"labels == 'cat' and x.max > 3"`` looks at many rows together, and reads the tensors that
        it names and no others. As in v3 no label is a class that there is not; a warning says so, here, in queries and
        in weights.

        Args:
            function: takes a dataset of one row, and may be made by ``compute`` with further arguments; or an
                expression, as the gallery has them.
            num_workers: changes nothing.
            scheduler: changes nothing.
            progressbar: show how far it is.
            save_result: save the view, too.
            result_path: where to, if not in this dataset.
            result_ds_args: further arguments of ``save_view``.

        Raises:
            CommandError: text that is no expression, or does not fit the tensors.
        """
        self.flush()
        if isinstance(function, Compute):
            function = function()
        notes = list[str]()
        what, chosen = f"filter {self.path}", listed(self)
        with Progress(what, "rows", len(self), is_shown=bool(progressbar), is_passing=True) as told:
            if isinstance(function, str):
                rows = matching(chosen, function, told, notes.append).tolist()
            else:
                rows = []
                for at in range(len(self)):
                    if bool(np.all(function(chosen[at]))):
                        rows.append(at)
                    told(1)
        warn(notes)
        view: Self = chosen[rows]
        view._query = function if isinstance(function, str) else None
        if save_result:
            message = function if isinstance(function, str) else getattr(function, "__name__", None)
            view.save_view(message=message, path=result_path, **(result_ds_args or {}))  # type: ignore[attr-defined]
        return view

    def query(self, query_string: str, runtime: Any = None, return_data: bool = False) -> Self:
        """The rows of ``SELECT * WHERE condition ORDER BY value DESC LIMIT n OFFSET m``, as a view, in that order.

        A condition is an expression as ``filter`` takes it; ``AND``, ``OR``, ``=``, ``x BETWEEN 1 AND 2``,
        ``ARRAY[1, 2]`` and ``contains(text, 'word')`` are understood. ``FROM (query)`` asks of what a query gives,
        ``EXPAND BY 2, 3`` adds two rows before each and three after, ``SAMPLE BY max_weight(condition: 2) replace
        True`` draws rows as ``sample_by`` does; two queries in brackets go with ``UNION``, ``INTERSECT`` or ``EXCEPT``.

        Args:
            query_string: the query; each clause after ``SELECT *`` may be left out, and in this order they stand:
                ``SELECT``, ``FROM``, ``WHERE``, ``EXPAND BY``, ``ORDER BY``, ``SAMPLE BY``, ``LIMIT``, ``OFFSET``.
            runtime: of a closed service; must be left out.
            return_data: of a closed service; must be left out.

        Raises:
            CommandError: anything else, or it does not fit the tensors.
            UnsupportedError: ``runtime`` or ``return_data``.
        """
        if runtime or return_data:
            raise UnsupportedError("queries run here: leave runtime and return_data out")
        self.flush()
        notes = list[str]()
        chosen = listed(self)
        rows, names = queries.queried(chosen, query_string, notes.append)
        warn(notes)
        selected: Self = chosen[rows]
        return selected[list(names)] if names else selected

    def sample_by(self, weights: str | Sequence[float], replace: bool | None = True, size: int | None = None) -> Self:
        """Rows drawn at random, each as often as its weight says, as a view.

        Args:
            weights: one for each row, at least 0; or an expression that gives them, as ``"labels == 'cat'"``; or
                pairs, as ``"max_weight(labels == 'cat': 2, labels == 'dog': 1)"``, or ``sum_weight``.
            replace: whether a row may be drawn again.
            size: how many; as many as there are rows, if it is not said.

        Raises:
            SampleError: other weights than rows, none above 0, or more rows wanted than there are.
            CommandError: text that is no expression, or does not fit the tensors.
        """
        found: Any = weights
        if isinstance(weights, str):
            self.flush()
            notes = list[str]()
            found = queries.weights(self, weights, notes.append)
            warn(notes)
        return listed(self)[queries.drawn(found, len(self), size, replace=bool(replace))]  # type: ignore[no-any-return]

    def random_split(self, lengths: Sequence[int | float]) -> tuple[Self, ...]:
        """Views of disjoint rows, drawn at random: of these lengths, or of these fractions of all rows.

        Raises:
            SampleError: tensors differ in length, or the lengths are not those of all rows together.
        """
        if len({len(tensor) for tensor in self.tensors.values()}) > 1:
            raise SampleError("tensors differ in length: split a selection of rows that all of them have")
        count = len(self)
        sizes = [int(one) for one in lengths]
        if any(isinstance(one, float) for one in lengths):
            if not all(0 <= one <= 1 for one in lengths):
                raise SampleError(f"fractions lie between 0 and 1, got {list(lengths)}")
            sizes = [int(count * one) for one in lengths]
            if abs(sum(lengths) - 1) < 1e-6:  # noqa: PLR2004 - fractions of everything
                for at in range(count - sum(sizes)):
                    sizes[at % len(sizes)] += 1
        if sum(sizes) != count or min(sizes, default=0) < 0:
            raise SampleError(
                f"lengths {list(lengths)} make {counted(sum(sizes), 'row')}, but {there_are(count, 'row')}"
            )
        rows, chosen = np.random.default_rng().permutation(count), listed(self)
        return tuple(chosen[part] for part in np.split(rows, np.cumsum(sizes)[:-1]))
