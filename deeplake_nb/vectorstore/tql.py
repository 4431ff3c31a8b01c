"""The query language of v3, as far as vector stores use it: read here, carried out in ``querying``. Pure.

``SELECT *|names [, L2_NORM(embedding - ARRAY[...]) AS score] [FROM (query)] [WHERE condition]
[ORDER BY name|metric|score [ASC|DESC]] [LIMIT n [OFFSET m]]``. A condition has names of tensors, ``metadata['key']``,
texts, numbers, ``true``, ``false``, ``null``, and lists ``['a', 1]`` and dictionaries ``{'a': 1}`` of them, compared by
``== != < <= > >= in``, with ``contains(text, 'word')``, ``and``, ``or``, ``not`` and brackets. A name that would be
read as something else stands in backquotes, as in ```my-tensor` == 'x'``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from deeplake_nb.errors import VectorStoreError
from deeplake_nb.vectorstore.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN = re.compile(
    r"""\s*(?:`(?P<quoted>[^`]+)`|(?P<number>-?\d+\.?\d*(?:[eE][-+]?\d+)?|-?\.\d+(?:[eE][-+]?\d+)?)|(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""|(?P<name>[A-Za-z_][\w/]*)|(?P<sign>==|!=|<>|<=|>=|[-=<>(),*\[\]{}:])|(?P<end>$))"""
)
_PLAIN = re.compile(r"[A-Za-z_][\w/]*")
_FUNCTIONS = {metric.tql.lower(): metric.name for metric in METRICS.values()}
_WORDS = {"true": True, "false": False, "null": None, "none": None}
_KEYWORDS = {"select", "from", "where", "order", "by", "limit", "offset", "and", "or", "not", "in", "as", "asc", "desc"}
_MOST_CHARS = 1_000_000
_MOST_DEPTH = 40
_MOST_DIGITS = 4000
"""Fewer than Python reads."""


@dataclass(frozen=True, slots=True)
class Path:
    """A tensor, and keys into its JSON."""

    tensor: str
    keys: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Distance:
    """A metric of a tensor and a vector."""

    metric: str
    tensor: str
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """``operator`` (a comparison, ``in``, ``contains``, ``and``, ``or``, ``not``) on paths, values or conditions."""

    operator: str
    operands: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """One query; ``tensors`` is None for all of them, ``order`` a path or a distance."""

    tensors: tuple[str, ...] | None = None
    where: Condition | None = None
    order: Path | Distance | None = None
    is_descending: bool = False
    limit: int | None = None
    offset: int = 0
    score: Distance | None = None
    has_score: bool = False


def parse(text: Any) -> Query:
    """Read a query.

    Raises:
        VectorStoreError: it is not well-formed, or more than this language has.
    """
    if not isinstance(text, str) or len(text) > _MOST_CHARS:
        raise VectorStoreError(
            f"a query is text of at most {_MOST_CHARS:,} characters, such as SELECT * WHERE id == 'x'"
        )
    parser = _Parser(text)
    found = parser.query()
    parser.end()
    return found


def named(tensor: str) -> str:
    """The name of a tensor as a query has it: in backquotes, where it would be read as something else.

    Raises:
        VectorStoreError: it has a backquote itself.
    """
    words = {*_KEYWORDS, *_WORDS, *_FUNCTIONS, "contains", "score"}
    if _PLAIN.fullmatch(tensor) and tensor.lower() not in words:
        return tensor
    if "`" in tensor:
        raise VectorStoreError(f"a query cannot name tensor {tensor!r}, for its backquote")
    return f"`{tensor}`"


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        self._at = 0
        self._kind, self._value = "", ""
        self._next()

    # ------------------------------------------------------------------ words

    def _next(self) -> None:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            self._wrong("this is no part of queries")
        self._start, self._at = self._at, found.end()
        self._kind = str(found.lastgroup)
        self._value = found.group(self._kind)

    def _wrong(self, why: str) -> NoReturn:
        part = self._text[getattr(self, "_start", 0) :].strip()[:40]
        raise VectorStoreError(f"the query {self._text[:200]!r} cannot be read at {part!r}: {why}")

    def _is(self, *words: str) -> bool:
        return self._kind in {"name", "sign"} and self._value.lower() in words

    def _took(self, *words: str) -> bool:
        if not self._is(*words):
            return False
        self._next()
        return True

    def _expect(self, word: str) -> None:
        if not self._took(word):
            self._wrong(f"expected {word}")

    def _take(self, kind: str) -> str:
        is_name = self._kind == "quoted" or (self._kind == "name" and self._value.lower() not in _KEYWORDS)
        if not (is_name if kind == "name" else self._kind == kind):
            self._wrong(f"expected a {kind}")
        value = self._value
        self._next()
        return value

    def end(self) -> None:
        """Nothing may follow."""
        if self._kind != "end":
            self._wrong("expected the end")

    # ------------------------------------------------------------------ queries

    def query(self) -> Query:
        self._expect("select")
        found = self._selected()
        if self._took("from"):
            self._expect("(")
            self._nest(1)
            inner = self.query()
            self._nest(-1)
            self._expect(")")
            if inner.limit is not None and (self._is("where", "order") or inner.offset):
                self._wrong("a limited query cannot be filtered or sorted again")
            found = replace(
                inner,
                tensors=found.tensors if found.tensors is not None else inner.tensors,
                has_score=found.has_score or (found.tensors is None and inner.has_score),
                score=found.score or inner.score,
            )
        if self._took("where"):
            condition = self._any()
            found = replace(
                found, where=condition if found.where is None else Condition("and", (found.where, condition))
            )
        if self._took("order"):
            self._expect("by")
            found = replace(found, order=self._ordered(found))
            found = replace(found, is_descending=self._is("desc"))
            self._took("asc", "desc")
        if self._took("limit"):
            found = replace(found, limit=self._count())
            if self._took("offset"):
                found = replace(found, offset=self._count())
        return found

    def _selected(self) -> Query:
        names: list[str] = []
        found, is_all = Query(), False
        while True:
            if self._took("*"):
                is_all = True
            elif self._is(*_FUNCTIONS):
                found = replace(found, score=self._distance(), has_score=True)
                self._expect("as")
                if self._take("name") != "score":
                    self._wrong("the value of a metric is called score")
            elif self._kind == "name" and self._value == "score":
                self._next()
                found = replace(found, has_score=True)
            else:
                names.append(self._take("name"))
            if not self._took(","):
                return replace(found, tensors=None if is_all else tuple(names))

    def _ordered(self, query: Query) -> Path | Distance:
        if self._is(*_FUNCTIONS):
            return self._distance()
        if self._is("score") and query.score is not None:
            self._next()
            return query.score
        return self._path()

    def _count(self) -> int:
        value = self._take("number")
        if not value.isdigit():
            self._wrong(f"expected a whole number, not {value}")
        return self._whole(value)

    def _whole(self, digits: str) -> int:
        if len(digits) > _MOST_DIGITS:
            self._wrong(f"a number of {len(digits)} digits")
        return int(digits)

    def _distance(self) -> Distance:
        metric = _FUNCTIONS[self._value.lower()]
        self._next()
        self._expect("(")
        tensor = self._take("name")
        if not self._took("-", ","):
            self._wrong("expected a vector, as in L2_NORM(embedding - ARRAY[...])")
        self._expect("array")
        self._expect("[")
        vector = [float(self._take("number"))]
        while self._took(","):
            vector.append(float(self._take("number")))
        self._expect("]")
        self._expect(")")
        return Distance(metric, tensor, tuple(vector))

    # ------------------------------------------------------------------ conditions

    def _nest(self, by: int) -> None:
        self._depth += by
        if self._depth > _MOST_DEPTH:
            self._wrong("it is nested too deeply")

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._took("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Condition("or", tuple(parts))

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._took("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Condition("and", tuple(parts))

    def _one(self) -> Condition:
        self._nest(1)
        if self._took("not"):
            found = Condition("not", (self._one(),))
        elif self._took("("):
            found = self._any()
            self._expect(")")
        elif self._took("contains"):
            self._expect("(")
            path = self._path()
            self._expect(",")
            found = Condition("contains", (path, self._literal()))
            self._expect(")")
        else:
            found = self._compared()
        self._nest(-1)
        return found

    def _compared(self) -> Condition:
        left = self._operand()
        if self._took("in"):
            self._expect("(")
            values = [self._literal()]
            while self._took(","):
                values.append(self._literal())
            self._expect(")")
            return Condition("in", (left, tuple(values)))
        sign = {"=": "==", "<>": "!="}.get(self._value, self._value)
        if self._kind != "sign" or sign not in COMPARISONS:
            self._wrong(f"expected a comparison: {', '.join(COMPARISONS)} or in")
        self._next()
        return Condition(sign, (left, self._operand()))

    def _operand(self) -> Any:
        is_literal = self._kind in {"number", "text"} or self._is(*_WORDS, "[", "{")
        return self._literal() if is_literal else self._path()

    def _path(self) -> Path:
        tensor, keys = self._take("name"), []
        while self._took("["):
            keys.append(self._word())
            self._expect("]")
        return Path(tensor, tuple(keys))

    def _literal(self) -> Any:
        self._nest(1)
        found: Any
        if self._took("["):
            found = []
            while not self._took("]"):
                found.append(self._literal())
                self._between("]")
        elif self._took("{"):
            found = {}
            while not self._took("}"):
                key = self._take("text")
                self._expect(":")
                found[_unquoted(key)] = self._literal()
                self._between("}")
        else:
            found = self._word()
        self._nest(-1)
        return found

    def _between(self, end: str) -> None:
        """A comma, or nothing before the end."""
        if not self._took(",") and not self._is(end):
            self._wrong(f"expected a comma or {end}")

    def _word(self) -> Any:
        if self._kind == "number":
            value = self._take("number")
            return float(value) if set(value) & set(".eE") else self._whole(value)
        if self._kind == "text":
            return _unquoted(self._take("text"))
        if not self._is(*_WORDS):
            self._wrong("expected a text in quotes or a number")
        word = _WORDS[self._value.lower()]
        self._next()
        return word


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


COMPARISONS: Sequence[str] = ("==", "!=", "<=", ">=", "<", ">")
