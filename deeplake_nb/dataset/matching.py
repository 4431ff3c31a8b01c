"""Rows of a dataset that an expression fits, and queries in v3's words."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.columns import Column, column, shapes
from deeplake_nb.dataset.expression import expression
from deeplake_nb.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from deeplake_nb.dataset.rows import Rows

BLOCK = 16_384
"""So many rows are looked at together."""

_QUERY = re.compile(
    r"""\s*select\s+\*\s*(?:from\s+(?P<source>"[^"]*"|'[^']*'|\S+)\s*)?(?:where\s+(?P<where>.*?))?\s*"""
    r"""(?:order\s+by\s+(?P<order>.*?)(?:\s+(?P<way>asc|desc))?)?\s*"""
    r"""(?:limit\s+(?P<limit>\d+))?\s*(?:offset\s+(?P<offset>\d+))?\s*;?\s*""",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")


def matching(
    ds: Rows, text: str, is_wanted: Callable[[], bool] = lambda: True, told: Callable[[int], object] = lambda _: None
) -> NDArray[np.int64]:
    """Numbers, within ``ds``, of the rows that an expression fits; reads the tensors that it names, block by block.

    Raises:
        CommandError: not well-formed, or it does not fit the tensors.
        LakeError: a row cannot be read.
    """
    wanted, found = expression(text), [np.zeros(0, np.int64)]
    for start in range(0, len(ds), BLOCK):
        if not is_wanted():
            break
        block = Block(ds, start, min(start + BLOCK, len(ds)))
        found.append(start + np.flatnonzero(wanted.mask(block)))
        told(block.count)
    return np.concatenate(found)


def queried(ds: Rows, text: str) -> NDArray[np.int64]:
    """Rows that ``SELECT * [WHERE condition] [ORDER BY value [DESC]] [LIMIT n [OFFSET m]]`` gives, in its order.

    Raises:
        CommandError: anything else, or it does not fit the tensors.
    """
    parts = parsed(text)
    rows = np.arange(len(ds)) if parts["where"] is None else matching(ds, in_words(parts["where"]))
    if parts["order"] is not None:
        by = expression(in_words(parts["order"]))
        keys = [by.keys(Block(ds, start, min(start + BLOCK, len(ds)))) for start in range(0, len(ds), BLOCK)]
        values = np.concatenate(keys)[rows] if keys else rows
        order = np.argsort(values, kind="stable")
        rows = rows[order[::-1] if (parts["way"] or "").lower() == "desc" else order]
    first = int(parts["offset"] or 0)
    return rows[first : None if parts["limit"] is None else first + int(parts["limit"])]


def parsed(text: str) -> dict[str, Any]:
    """The parts of a query: ``source``, ``where``, ``order``, ``way``, ``limit``, ``offset``.

    Raises:
        CommandError: it is none that can be run here.
    """
    found = _QUERY.fullmatch(text)
    if found is None:
        raise CommandError(
            f"the query {text[:200]!r} cannot be run here; queries are SELECT * WHERE condition ORDER BY value DESC "
            "LIMIT n OFFSET m, conditions as in filter()"
        )
    return found.groupdict()


def in_words(condition: str) -> str:
    """A condition of a query as an expression: AND, OR, NOT and IN in small letters, one ``=`` doubled."""
    parts = _QUOTED.split(condition)
    for at in range(0, len(parts), 2):
        part = re.sub(r"\b(AND|OR|NOT|IN)\b", lambda word: word[0].lower(), parts[at], flags=re.IGNORECASE)
        parts[at] = re.sub(r"(?<![=!<>])=(?!=)", "==", part).replace("<>", "!=")
    return "".join(parts)


class Block:
    """Columns of some rows, each read once."""

    def __init__(self, ds: Rows, start: int, stop: int) -> None:
        self._tensors = ds.tensors
        self._span = (start, stop)
        whole = ds.index.rows
        self._numbers = np.arange(start, stop) if whole is None else np.asarray(whole[start:stop])
        self._read: dict[str, Column] = {}

    @property
    def count(self) -> int:
        """Number of rows."""
        return self._span[1] - self._span[0]

    @property
    def names(self) -> Collection[str]:
        """Tensors, and ``row``."""
        return {**self._tensors, "row": None}

    def column(self, name: str) -> Column:
        """All values of a tensor in these rows."""
        if name not in self._read:
            start, stop = self._span
            is_row = name == "row" and name not in self._tensors
            self._read[name] = Column(np.arange(start, stop)) if is_row else column(self._tensors[name], start, stop)
        return self._read[name]

    def sizes(self, name: str) -> NDArray[np.int64]:
        """Number of values of each row."""
        found = shapes(self._tensors[name], self._numbers)
        return np.array([math.prod(shape) for shape in found], np.int64)

    def extents(self, name: str, axis: int | None) -> NDArray[np.int64]:
        """Length of an axis of each row's sample; its number of values along the first one for None."""
        if name not in self._tensors:
            raise CommandError(f"{name!r} is a number of a row and has no length; len() takes the name of a tensor")
        tensor = self._tensors[name]
        if axis is None and tensor.base_htype in {"text", "list", "tag", "json"} and not tensor.is_sequence:
            values = self.column(name)
            if values.counts is not None:
                return values.counts
            return np.array([len(one) if hasattr(one, "__len__") else 1 for one in values.values], np.int64)
        at = axis or 0
        found = shapes(tensor, self._numbers)
        return np.array([shape[at] if at < len(shape) else 1 for shape in found], np.int64)
