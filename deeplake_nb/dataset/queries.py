"""Queries in v3's words: ``SELECT * WHERE contains(labels, 'cat') ORDER BY score DESC LIMIT 10``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.dataset.expression import expression
from deeplake_nb.dataset.matching import Block, blocks, matching, ordered
from deeplake_nb.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from deeplake_nb.dataset.rows import Rows

_QUERY = re.compile(
    r"""\s*select\s+(?P<names>\*|[\w/]+(?:\s*,\s*[\w/]+)*)(?:\s+from\s+(?P<source>"[^"]*"|'[^']*'|\S+))?"""
    r"""(?:\s+where\s+(?P<where>.*?))?(?:\s+order\s+by\s+(?P<order>.*?)(?:\s+(?P<way>asc|desc))?)?"""
    r"""(?:\s+limit\s+(?P<limit>\d+))?(?:\s+offset\s+(?P<offset>\d+))?\s*;?\s*""",
    re.IGNORECASE | re.DOTALL,
)
_TEXT = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_QUOTED = re.compile(f"({_TEXT})")
_SETS = re.compile(rf"{_TEXT}|[()]|\b(?:union|intersect)\b", re.IGNORECASE)
_WEIGHTED = re.compile(r"\s*(?P<way>max_weight|sum_weight)\s*\((?P<pairs>.*)\)\s*", re.IGNORECASE | re.DOTALL)
_PARTED = re.compile(rf"{_TEXT}|[()\[\]{{}},:]")
_HELD = r"\0\d+\0"  # a text that is kept apart while words are replaced
_OPERAND = rf"(?:tensor\({_HELD}\)|\w+\([^()]*\)|[\w.]+)(?:\[[^\]]*\])*"
_BETWEEN = re.compile(rf"({_OPERAND})\s+between\s+([-+.\w]+)\s+and\s+([-+.\w]+)", re.IGNORECASE)
_WORDS = {"and": "and", "or": "or", "not": "not", "in": "in", "true": "True", "false": "False", "null": "None"}
_ABSENT = {
    r"sample\s+by": 'SAMPLE BY is not here; ds.sample_by("max_weight(condition: weight, ...)") draws rows',
    r"(?:un)?group\s+by": "GROUP BY is not here; loop over numpy.unique() of the values",
    r"expand\s+by": "EXPAND BY is not here; ds.filter() gives sample_indices, and ds[rows] more rows around them",
    r"as\s+\w+": "computed columns are not here; VectorStore.search(query=...) gives scores",
    r"from\s+\(": "queries of queries are not here; run ds.query(...).query(...)",
}


@dataclass(frozen=True, slots=True)
class Query:
    """The parts of a query; ``names`` are None for all tensors."""

    names: tuple[str, ...] | None
    source: str | None
    where: str | None
    order: str | None
    is_descending: bool
    limit: int | None
    offset: int


def queried(ds: Rows, text: str) -> tuple[NDArray[np.int64], tuple[str, ...] | None]:
    """Rows that a query gives, in its order, and the tensors it names (None: all).

    ``SELECT *|names [WHERE condition] [ORDER BY value [DESC]] [LIMIT n [OFFSET m]]``, and two such in brackets with
    ``UNION`` or ``INTERSECT`` between them.

    Raises:
        CommandError: anything else, or it does not fit the tensors.
    """
    if (cut := _cut(text)) is not None:
        first, is_union, second = cut
        (rows, names), (others, _) = queried(ds, first), queried(ds, second)
        if is_union:
            return np.concatenate([rows, others[~np.isin(others, rows)]]), names
        return rows[np.isin(rows, others)], names
    query = parsed(text)
    rows = np.arange(len(ds)) if query.where is None else matching(ds, in_words(query.where, ds.tensors))
    if query.order is not None:
        by = expression(in_words(query.order, ds.tensors))
        keys = [by.keys(block) for block in blocks(ds, by)]
        rows = rows[ordered(np.concatenate([np.zeros(0), *keys])[rows], descending=query.is_descending)]
    return rows[query.offset : None if query.limit is None else query.offset + query.limit], query.names


def weights(ds: Rows, text: str) -> NDArray[np.float64]:
    """A weight for each row: of an expression; or of ``max_weight(condition: weight, ...)``, or ``sum_weight``.

    Raises:
        CommandError: anything else, or it does not fit the tensors.
    """
    block, found = Block(ds, 0, len(ds)), _WEIGHTED.fullmatch(text)
    if found is None:
        wanted = expression(in_words(text, ds.tensors))
        try:
            return wanted.mask(block).astype(np.float64)
        except CommandError:
            return wanted.keys(block).astype(np.float64)
    each: list[NDArray[np.float64]] = [np.zeros(block.count)]
    for pair in _parted(found["pairs"], ","):
        condition, *weight = _parted(pair, ":")
        try:
            (number,) = map(float, weight)
        except ValueError:
            raise CommandError(f"weights are pairs such as labels == 'cat': 2, got {pair.strip()!r:.100}") from None
        each.append(np.where(expression(in_words(condition, ds.tensors)).mask(block), number, 0.0))
    combine = np.maximum if found["way"].lower() == "max_weight" else np.add
    return np.asarray(combine.reduce(each), np.float64)


def source_of(text: str) -> str | None:
    """The dataset that a query names.

    Raises:
        CommandError: it is none that can be run here.
    """
    cut = _cut(text)
    return parsed(text).source if cut is None else source_of(cut[0])


def parsed(text: str) -> Query:
    """A query's parts.

    Raises:
        CommandError: it is none that can be run here.
    """
    found = _QUERY.fullmatch(text)
    bare = _QUOTED.sub("", text)
    lacking = next((why for words, why in _ABSENT.items() if re.search(rf"\b{words}", bare, re.IGNORECASE)), None)
    if found is None or lacking is not None:
        raise CommandError(
            f"the query {text[:200]!r} cannot be run here; {f'{lacking}; ' if lacking else ''}queries are SELECT * "
            "WHERE condition ORDER BY value DESC LIMIT n OFFSET m, conditions as in filter()"
        )
    part = found.groupdict()
    return Query(
        names=None if part["names"] == "*" else tuple(re.split(r"\s*,\s*", part["names"])),
        source=part["source"] and part["source"].strip("\"'"),
        where=part["where"],
        order=part["order"],
        is_descending=(part["way"] or "").lower() == "desc",
        limit=None if part["limit"] is None else int(part["limit"]),
        offset=int(part["offset"] or 0),
    )


def in_words(condition: str, names: Collection[str] = ()) -> str:
    """A condition of a query as an expression.

    ``AND``, ``OR``, ``NOT``, ``IN``, ``TRUE``, ``NULL`` as Python has them, one ``=`` doubled, ``x BETWEEN 1 AND 2`` as
    ``1 <= x <= 2``, ``ARRAY[1, 2]`` as a list; in double quotes, as in v3, the name of a tensor where there is one.
    """
    held: list[str] = []

    def hold(text: str) -> str:
        held.append(text)
        return f"\0{len(held) - 1}\0"

    def bare(part: str) -> str:
        """A part without texts."""
        for name in sorted((one for one in names if "/" in one), key=len, reverse=True):
            held_name = partial(lambda name, _: f"tensor({hold(repr(name))})", name)
            part = re.sub(rf"(?<![\w/]){re.escape(name)}(?![\w/])", held_name, part)
        part = re.sub(r"\barray\s*\[", "[", part, flags=re.IGNORECASE)
        return re.sub(r"(?<![=!<>])=(?!=)", "==", part).replace("<>", "!=")

    parts = _QUOTED.split(condition.replace("\0", ""))
    for at in range(1, len(parts), 2):
        is_key = parts[at - 1].rstrip().endswith(("[", "tensor("))
        is_name = parts[at][0] == '"' and parts[at][1:-1] in names and not is_key
        parts[at] = f"tensor({hold(parts[at])})" if is_name else hold(parts[at])
    parts[::2] = [bare(part) for part in parts[::2]]
    text = _BETWEEN.sub(r"(\2 <= \1 <= \3)", "".join(parts))
    words = re.compile(rf"\b({'|'.join(_WORDS)})\b", re.IGNORECASE)
    text = words.sub(lambda word: _WORDS[word[0].lower()], text)
    return re.sub(r"\0(\d+)\0", lambda found: held[int(found[1])], text)


def _parted(text: str, sign: str) -> list[str]:
    """The parts between signs that stand outside texts and brackets."""
    depth, start, parts = 0, 0, list[str]()
    for word in _PARTED.finditer(text):
        if word[0] == sign and depth == 0:
            parts.append(text[start : word.start()])
            start = word.end()
        depth += (word[0] in "([{") - (word[0] in ")]}")
    return [*parts, text[start:]]


def _cut(text: str) -> tuple[str, bool, str] | None:
    """Two queries, and whether it is UNION that stands between them: the last one outside brackets. None for one."""
    depth, found = 0, None
    for word in _SETS.finditer(text):
        if word[0] in "()":
            depth += 1 if word[0] == "(" else -1
        elif depth == 0 and word[0][0] not in "'\"":
            found = word
    if found is None:
        return None
    first, second = (_bare(part) for part in (text[: found.start()], text[found.end() :]))
    return first, found[0].lower() == "union", second


def _bare(text: str) -> str:
    text = text.strip().rstrip(";").strip()
    return text[1:-1] if text.startswith("(") and text.endswith(")") and _cut(text) is None else text
