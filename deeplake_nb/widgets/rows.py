"""Which rows of a dataset are shown, in which order: filtered, sorted, or a random sample."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.expression import expression
from deeplake_nb.dataset.matching import blocks, ordered, warn
from deeplake_nb.errors import CommandError, did_you_mean
from deeplake_nb.progress import Progress
from deeplake_nb.urls import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from deeplake_nb.dataset.dataset import Dataset


@dataclass(frozen=True, slots=True)
class View:
    """A choice of rows. ``where`` and ``sort`` are expressions; ``sample`` is a number of rows, 0 for all of them."""

    where: str = ""
    sort: str = ""
    descending: bool = False
    sample: int = 0
    seed: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> View:
        """A view from its parts, checked.

        Raises:
            CommandError: an unknown part, one of the wrong type, or an expression that cannot be read.
        """
        kinds = {one.name: type(one.default) for one in fields(cls)}
        for name, value in given.items():
            if name not in kinds:
                raise CommandError(f"a view has no {name!r}{did_you_mean(name, kinds)}; it has {', '.join(kinds)}")
            if type(value) is not kinds[name] or (isinstance(value, int) and value < 0):
                raise CommandError(f"{name} of a view must be a {kinds[name].__name__} of at least 0, not {value!r}")
        view = cls(**given)
        for text in (view.where, view.sort):
            if text.strip():
                expression(text)
        return view

    @property
    def is_all(self) -> bool:
        """Whether it is every row in the stored order."""
        return not (self.where.strip() or self.sort.strip() or self.sample)

    def parts(self) -> dict[str, Any]:
        """What differs from the view of every row."""
        return {name: value for name, value in asdict(self).items() if value != getattr(View(), name)}


def select(
    ds: Dataset, where: str = "", *, sort: str = "", descending: bool = False, sample: int = 0, seed: int = 0
) -> Dataset:
    """The rows of ``ds`` that a gallery shows for these words, as a view of it.

    Args:
        ds: a dataset or a view of one.
        where: which rows, as ``labels == "cat" and len(boxes) > 3``.
        sort: what they are sorted by, as ``width(images)``.
        descending: largest first.
        sample: that many of them at random, 0 for all; in the order they had.
        seed: another seed gives another sample.

    Raises:
        CommandError: an expression that cannot be read or does not fit the tensors.
    """
    given = {"where": where, "sort": sort, "descending": descending, "sample": sample, "seed": seed}
    notes = list[str]()
    rows = rows_of(ds, View.of(given), note=notes.append)
    warn(notes)
    return ds if rows is None else ds[rows.tolist()]


def rows_of(
    ds: Dataset,
    view: View,
    is_wanted: Callable[[], bool] = lambda: True,
    note: Callable[[str], object] = lambda _: None,
) -> NDArray[np.int64] | None:
    """The numbers of the rows within ``ds``, in the order they are shown; None for every row as stored.

    Reads the tensors that are named, in blocks of rows; stops with what it has once not wanted. ``note`` gets what is
    odd in the expressions, and no error: a class that there is not.

    Raises:
        CommandError: an expression does not fit the tensors.
        LakeError: a row cannot be read.
    """
    if view.is_all:
        return None
    if ds.index.is_single:
        raise CommandError("this is a single row of a dataset: there is nothing to filter or sort")
    rows = np.arange(len(ds))
    where, sort = view.where.strip(), view.sort.strip()
    masks: list[NDArray[np.bool_]] = []
    keys: list[NDArray[Any]] = []
    with Progress(f"look through {redact(ds.path)}", "rows", len(ds), is_passing=True) as progress:
        fits, by = (expression(text) if text else None for text in (where, sort))
        named = [one for one in (fits, by) if one is not None]
        for block in blocks(ds, *named, note=note) if named else ():
            if not is_wanted():
                return np.arange(0)
            mask = fits.mask(block) if fits is not None else np.ones(block.count, bool)
            masks.append(mask)
            if by is not None:
                keys.append(by.keys(block)[mask])
            progress(block.count)
    if where:
        rows = rows[np.concatenate(masks)]
    if sort:
        rows = rows[ordered(np.concatenate(keys), descending=view.descending)]
    elif view.descending:
        rows = rows[::-1]
    if view.sample and view.sample < len(rows):
        chosen = np.random.default_rng(view.seed).choice(len(rows), view.sample, replace=False)
        rows = rows[np.sort(chosen)]
    return rows


def code(path: str, index: Sequence[int] | None, view: View, rows: Sequence[int] | None) -> str:
    """Python that gives the same rows again.

    Args:
        path: of the dataset, redacted.
        index: the rows of the whole dataset that the gallery's own dataset has; None for all.
        view: what the gallery is filtered by.
        rows: rows of the gallery's dataset that are meant; None for those of ``view``.
    """
    lines = ["import deeplake_nb", ""]
    lines.append(f"ds = deeplake_nb.load({path!r}, read_only=True){_item(index)}")
    if rows is not None:
        lines.append(f"ds{_item(rows)}")
    elif not view.is_all:
        lines.insert(1, "from deeplake_nb.widgets.rows import select")
        given = ", ".join(f"{name}={value!r}" for name, value in view.parts().items())
        lines.append(f"select(ds, {given})")
    return "\n".join(lines)


def _item(rows: Sequence[int] | None) -> str:
    if rows is None:
        return ""
    rows = [int(row) for row in rows]
    if len(rows) > 1 and rows == list(range(rows[0], rows[0] + len(rows))):
        return f"[{rows[0]}:{rows[-1] + 1}]"
    return f"[{rows}]"
