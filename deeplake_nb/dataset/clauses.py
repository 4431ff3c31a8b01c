"""The words of a query: its clauses, the queries it joins, and its conditions as expressions. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.evaluation import FUNCTIONS
from deeplake_nb.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

HAVE = (
    "queries are SELECT * FROM (query) WHERE condition EXPAND BY before, after ORDER BY value DESC "
    "SAMPLE BY max_weight(condition: weight) LIMIT n OFFSET m, and two of them in brackets with UNION, INTERSECT or "
    "EXCEPT between; conditions are those of filter()"
)
_MOST_DEPTH = 60
_TEXT = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_QUOTED = re.compile(f"({_TEXT})")
_JOINS = r"\b(?:union|intersect|except)\b"
_HELD = r"\0\d+\0"  # a text that is kept apart while words are replaced
_OPERAND = rf"(?:tensor\({_HELD}\)|\w+\([^()]*\)|[\w.]+)(?:\[[^\]]*\])*"
_BETWEEN = re.compile(rf"({_OPERAND})\s+between\s+([-+.\w]+)\s+and\s+([-+.\w]+)", re.IGNORECASE)
_WORDS = {"and": "and", "or": "or", "not": "not", "in": "in", "true": "True", "false": "False", "null": "None"}


@dataclass(frozen=True, slots=True)
class Query:
    """What a query asks for; no ``names`` stand for all tensors.

    Attributes:
        names: of tensors.
        source: of what: the name of a dataset, or a query in brackets; nothing of the dataset at hand.
        where: which rows fit; all, if it is not said.
        margins: so many rows before each of them, and after.
        order: values to sort by, the first one first; whether the largest comes first.
        sample: weights to draw rows by, and whether one may be drawn again.
        limit: how many rows at most.
        offset: how many are left out in front.
    """

    names: tuple[str, ...] = ()
    source: str = ""
    where: str | None = None
    margins: tuple[int, int] | None = None
    order: tuple[tuple[str, bool], ...] = ()
    sample: tuple[str, bool] | None = None
    limit: int | None = None
    offset: int = 0


def parsed(text: str) -> Query:
    """What a query without ``UNION`` and the like asks for.

    Raises:
        CommandError: a clause that is not here, is not understood, or stands where it does not belong.
    """
    text = bare(text)
    words = [(" ".join(one["word"].lower().split()), *one.span()) for one in _outer(text, _PHRASES)]
    if not words or words[0][:2] != ("select", 0):
        raise _wrong(text, "it does not begin with SELECT; ds.filter() takes a condition alone")
    found: dict[str, Any] = {}
    ends = [start for _, start, _ in words[1:]] + [len(text)]
    for (word, _, start), end in zip(words, ends, strict=True):
        field, read, takes = _CLAUSES[word]
        if field in found or (found and _FIELDS.index(field) < _FIELDS.index(list(found)[-1])):
            raise _wrong(text, f"{word.upper()} stands twice, or in the wrong place")
        found[field] = read(body) if (body := text[start:end].strip()) else None
        if found[field] is None:
            raise _wrong(text, f"{word.upper()} {takes}, got {body[:60]!r}")
    return Query(**found)


def joined(text: str) -> tuple[str, str, str] | None:
    """Two queries and the word between them: the last one outside brackets; None where there is but one query."""
    words = list(_outer(text, _JOINS))
    return (text[: words[-1].start()], words[-1][0].lower(), text[words[-1].end() :]) if words else None


def bare(text: str) -> str:
    """A query without the brackets around it."""
    text = text.strip().rstrip(";").strip()
    return text[1:-1].strip() if text.startswith("(") and text.endswith(")") and joined(text) is None else text


def source_of(text: str) -> str | None:
    """The dataset that a query names; of two the first.

    Raises:
        CommandError: it is none that can be run here.
    """
    both = joined(bare(text))
    source = parsed(text).source if both is None else both[0]
    return source_of(source) if both is not None or source.startswith("(") else source or None


def parted(text: str, sign: str) -> list[str]:
    """The parts between signs that stand outside texts and brackets."""
    at = [0, *(place for one in _outer(text, sign) for place in one.span()), len(text)]
    return [text[start:end].strip() for start, end in zip(at[::2], at[1::2], strict=True)]


def in_words(condition: str, names: Collection[str] = ()) -> str:
    """A condition of a query as an expression.

    ``AND``, ``OR``, ``NOT``, ``IN``, ``TRUE``, ``NULL`` as Python has them, one ``=`` doubled, ``x BETWEEN 1 AND 2`` as
    ``1 <= x <= 2``, ``ARRAY[1, 2]`` as a list, functions in small letters; in double quotes, as in v3, the name of a
    tensor where there is one.
    """
    held: list[str] = []

    def hold(text: str) -> str:
        held.append(text)
        return f"\0{len(held) - 1}\0"

    def plain(part: str) -> str:
        """A part without texts."""
        for name in sorted((one for one in names if "/" in one), key=len, reverse=True):
            held_name = partial(lambda name, _: f"tensor({hold(repr(name))})", name)
            part = re.sub(rf"(?<![\w/]){re.escape(name)}(?![\w/])", held_name, part)
        part = re.sub(r"\barray\s*\[", "[", part, flags=re.IGNORECASE)
        part = re.sub(rf"\b(?:{'|'.join(FUNCTIONS)})(?=\s*\()", lambda word: word[0].lower(), part, flags=re.IGNORECASE)
        return re.sub(r"(?<![=!<>])=(?!=)", "==", part).replace("<>", "!=")

    parts = _QUOTED.split(condition.replace("\0", ""))
    for at in range(1, len(parts), 2):
        is_key = parts[at - 1].rstrip().endswith(("[", "tensor("))
        is_name = parts[at][0] == '"' and parts[at][1:-1] in names and not is_key
        parts[at] = f"tensor({hold(parts[at])})" if is_name else hold(parts[at])
    parts[::2] = [plain(part) for part in parts[::2]]
    text = _BETWEEN.sub(r"(\2 <= \1 <= \3)", "".join(parts))
    words = re.compile(rf"\b({'|'.join(_WORDS)})\b", re.IGNORECASE)
    text = words.sub(lambda word: _WORDS[word[0].lower()], text)
    return re.sub(r"\0(\d+)\0", lambda found: held[int(found[1])], text)


def _outer(text: str, words: str) -> Iterator[re.Match[str]]:
    """Where words stand outside texts and brackets."""
    depth = 0
    for found in re.finditer(rf"{_TEXT}|(?P<bracket>[()\[\]{{}}])|(?P<word>{words})", text, re.IGNORECASE):
        if found["bracket"]:
            depth += 1 if found["bracket"] in "([{" else -1
            if depth > _MOST_DEPTH:
                raise CommandError(f"the query {text[:200]!r} is nested too deeply")
        elif found["word"] and depth == 0:
            yield found


def _wrong(text: str, why: str) -> CommandError:
    return CommandError(f"the query {text[:200]!r} cannot be run here: {why}; {HAVE}")


# ---------------------------------------------------------------------- what clauses are read to; None: they cannot be


def _names(body: str) -> tuple[str, ...] | None:
    if body == "*":
        return ()
    names = parted(body, ",")
    if not all(re.fullmatch(r"""[\w/]+|"[^"]+\"""", name) for name in names):
        return None
    return tuple(name.strip('"') for name in names)


def _source(body: str) -> str | None:
    found = re.fullmatch(r"""(\(.*\))|"([^"]+)"|'([^']+)'|([^\s"'()]+)""", body, re.DOTALL)
    return found and next(one for one in found.groups() if one)


def _count(body: str) -> int | None:
    return int(body) if re.fullmatch(r"[0-9]{1,18}", body) else None


def _margins(body: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"([0-9]{1,18})\s*,\s*([0-9]{1,18})", body)
    return found and (int(found[1]), int(found[2]))


def _order(body: str) -> tuple[tuple[str, bool], ...] | None:
    values = [re.fullmatch(r"(.+?)(?:\s+(asc|desc))?", one, re.IGNORECASE | re.DOTALL) for one in parted(body, ",")]
    found = [(one[1], (one[2] or "").lower() == "desc") for one in values if one]
    return tuple(found) if len(found) == len(values) else None


def _sample(body: str) -> tuple[str, bool] | None:
    found = re.fullmatch(r"(.+?)(?:\s+replace\s+(true|false))?", body, re.IGNORECASE | re.DOTALL)
    return found and (found[1], (found[2] or "true").lower() == "true")


def _absent(_: str) -> None:
    return None


_GROUPING = ("grouping", _absent, "is not here (loop over numpy.unique() of the values)")
_CLAUSES: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "select": ("names", _names, "takes * or names of tensors (a computed value stands in WHERE or ORDER BY itself)"),
    "from": ("source", _source, "takes the name of a dataset, or a query in brackets"),
    "where": ("where", str, "takes a condition"),
    "group by": _GROUPING,
    "ungroup by": _GROUPING,
    "expand by": ("margins", _margins, "takes two numbers, of rows before and after"),
    "order by": ("order", _order, "takes values, each with ASC or DESC behind it or without"),
    "sample by": ("sample", _sample, "takes weights, as max_weight(condition: weight), and replace True or False"),
    "limit": ("limit", _count, "takes a whole number"),
    "offset": ("offset", _count, "takes a whole number"),
}
_FIELDS = list(dict.fromkeys(field for field, _, _ in _CLAUSES.values()))
_PHRASES = rf"(?<![\w/.])(?:{'|'.join(_CLAUSES)})(?![\w/])".replace(" ", r"\s+")
