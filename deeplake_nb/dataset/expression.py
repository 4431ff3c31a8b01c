"""A small language of filters: ``labels == "cat" and len(boxes) > 3``.

Python's own grammar, read by its parser and evaluated here on whole columns; nothing of Python is run. Names are
tensors (``group.tensor`` too), and ``row``. A tensor with several values per row is compared value by value, and a row
is taken when any of them fits: ``not labels == "cat"`` is "has no cat", ``all(scores > 0.5)`` asks for every one. What
v3's filters say is understood as well: ``labels.contains("cat")``, ``x.max``, ``x.min``, ``x.mean``, ``x.size``,
``images.shape[0]``.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from deeplake_nb.dataset.columns import Column
from deeplake_nb.errors import CommandError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from numpy.typing import NDArray

    Node = ast.expr
    Value = Column | str | int | float | bool | None | tuple[Any, ...]

_MOST_CHARS = 2_000
_MOST_DEPTH = 60

_COMPARE: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_ARITHMETIC: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Mod: np.mod,
    ast.FloorDiv: np.floor_divide,
}
_REDUCE: Mapping[str, tuple[np.ufunc, Any]] = {
    "min": (np.minimum, np.nan),
    "max": (np.maximum, np.nan),
    "sum": (np.add, 0),
    "any": (np.logical_or, False),
    "all": (np.logical_and, True),
}
FUNCTIONS = (*_REDUCE, "mean", "len", "abs", "lower", "height", "width", "contains")
_MEMBERS = ("min", "max", "mean", "size")


class Columns(Protocol):
    """Where names get their values from, for the rows that are being looked at."""

    @property
    def count(self) -> int:
        """Number of rows."""

    @property
    def names(self) -> Collection[str]:
        """The names there are."""

    def column(self, name: str) -> Column:
        """The values of a name."""

    def sizes(self, name: str) -> NDArray[np.int64]:
        """Number of values of each row."""

    def extents(self, name: str, axis: int | None) -> NDArray[np.int64]:
        """Length of an axis of each row's sample; its number of values along the first one for None."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read and found well-formed."""

    text: str
    _tree: ast.expr

    def mask(self, columns: Columns) -> NDArray[np.bool_]:
        """Which rows fit.

        Raises:
            CommandError: an unknown name, or values that cannot be compared.
        """
        result = _Evaluation(self.text, columns).of(self._tree)
        if not isinstance(result, Column) or result.values.dtype != np.bool_:
            raise _wrong(self.text, self._tree, 'a filter says yes or no, such as `labels == "cat"`')
        return result.per_row(np.logical_or, False).astype(bool)

    def keys(self, columns: Columns) -> NDArray[Any]:
        """One value per row, to sort by.

        Raises:
            CommandError: an unknown name, or several values per row.
        """
        result = _Evaluation(self.text, columns).of(self._tree)
        if not isinstance(result, Column) or result.counts is not None:
            raise _wrong(self.text, self._tree, "rows are sorted by one value each; take min(), max(), mean() or len()")
        return result.values


def expression(text: str) -> Expression:
    """Read an expression.

    Raises:
        CommandError: not well-formed, too long, or more than this language has.
    """
    if len(text) > _MOST_CHARS:
        raise CommandError(f"a filter has at most {_MOST_CHARS:,} characters, this one {len(text):,}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise CommandError(
            f'the filter {text!r} cannot be read ({reason}); an example: labels == "cat" and len(boxes) > 3'
        ) from None
    _check(text, tree, _MOST_DEPTH)
    return Expression(text, tree)


_NODES = (ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Call, ast.Name, ast.Constant, ast.Tuple, ast.List)


_HAVE = (
    "filters have names, numbers, texts, comparisons, and/or/not, + - * / %, functions, and of a tensor .min, .max, "
    ".mean, .size, .shape[axis] and .contains(value)"
)


def _check(text: str, node: ast.expr, room: int) -> None:
    if room == 0:
        raise CommandError(f"the filter {text[:40]!r}... is nested too deeply")
    if not isinstance(node, (*_NODES, ast.Subscript, ast.Attribute)):
        raise _wrong(text, node, _HAVE)
    if isinstance(node, ast.Attribute) and not isinstance(node.value, (ast.Name, ast.Attribute)):
        raise _wrong(text, node, _HAVE)
    is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "contains"
    if isinstance(node, ast.Call) and ((not isinstance(node.func, ast.Name) and not is_method) or node.keywords):
        raise _wrong(text, node, f"functions: {', '.join(FUNCTIONS)}")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            _check(text, child, room - 1)


def _wrong(text: str, node: ast.expr, why: str) -> CommandError:
    part = ast.get_source_segment(text.strip(), node) or text
    return CommandError(f"in the filter {text!r}: {part!r} does not go: {why}")


class _Evaluation:
    """One evaluation over some rows."""

    def __init__(self, text: str, columns: Columns) -> None:
        self._text = text
        self._columns = columns

    def of(self, node: Node) -> Value:  # noqa: C901, PLR0911, PLR0912 - a case for each kind of node
        match node:
            case ast.Constant(value=str() | int() | float() | bool() | None as value):
                return value
            case ast.Tuple(elts=items) | ast.List(elts=items):
                return tuple(self.of(item) for item in items)
            case ast.Name(id=name):
                return self._named(node, name)
            case ast.Attribute(value=value, attr=attr):
                return self._attribute(node, value, attr)
            case ast.Subscript(value=ast.Attribute(value=value, attr="shape"), slice=ast.Constant(value=int() as axis)):
                return Column(self._columns.extents(self._tensor(value), axis))
            case ast.Subscript(value=value, slice=ast.Constant(value=str() as key)):
                return self._member(node, value, key)
            case ast.BoolOp(op=op, values=values):
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                rows = [self._truth(value) for value in values]
                return Column(join.reduce(rows))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Column(~self._truth(operand))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._combined(node, np.subtract, 0, self.of(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self._combined(node, _ARITHMETIC[type(op)], self.of(left), self.of(right))
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compared(node, [left, *others], ops)
            case ast.Call(func=ast.Attribute(value=value, attr="contains"), args=[one]):
                return self._combined(node, np.equal, self._columns.column(self._tensor(value)), self.of(one))
            case ast.Call(func=ast.Name(id="contains"), args=[of, one]):
                return self._contained(node, self.of(one), self.of(of))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._called(node, name, arguments)
        raise _wrong(self._text, node, "this is no part of filters")

    def _named(self, node: Node, name: str) -> Value:
        if name in self._columns.names:
            return self._columns.column(name)
        known = ", ".join(self._columns.names)
        raise _wrong(self._text, node, f"no such tensor{did_you_mean(name, self._columns.names)}; there are {known}")

    def _tensor(self, node: Node) -> str:
        """The tensor that a name means, ``group.tensor`` for one in a group."""
        parts, at = list[str](), node
        while isinstance(at, ast.Attribute):
            parts, at = [at.attr, *parts], at.value
        name = "/".join([at.id, *parts]) if isinstance(at, ast.Name) else ""
        if name not in self._columns.names:
            raise _wrong(self._text, node, f"no such tensor{did_you_mean(name, self._columns.names)}")
        return name

    def _attribute(self, node: Node, of: Node, attr: str) -> Value:
        if attr not in _MEMBERS:
            if isinstance(of, ast.Name) and of.id in self._columns.names:
                raise _wrong(self._text, node, _HAVE)
            return self._columns.column(self._tensor(node))
        name = self._tensor(of)
        if attr == "size":
            return Column(self._columns.sizes(name))
        return self._computed(attr, self._columns.column(name))

    def _member(self, node: Node, of: Node, key: str) -> Value:
        values = self.of(of)
        if not isinstance(values, Column) or values.values.dtype != object:
            raise _wrong(self._text, node, "only json tensors have members")
        out = np.empty(len(values.values), object)
        out[:] = [one.get(key) if isinstance(one, dict) else None for one in values.values]
        return values.with_values(out)

    def _truth(self, node: Node) -> NDArray[np.bool_]:
        value = self.of(node)
        if not isinstance(value, Column) or value.values.dtype != np.bool_:
            raise _wrong(self._text, node, "and, or and not join comparisons")
        return value.per_row(np.logical_or, False).astype(bool)

    def _compared(self, node: Node, operands: list[Node], ops: list[ast.cmpop]) -> Value:
        results = []
        for left, op, right in zip(operands, ops, operands[1:], strict=False):
            if isinstance(op, (ast.In, ast.NotIn)):
                found = self._contained(node, self.of(left), self.of(right))
                results.append(found if isinstance(op, ast.In) else Column(~found.per_row(np.logical_or, False)))
            elif type(op) in _COMPARE:
                results.append(self._combined(node, _COMPARE[type(op)], self.of(left), self.of(right)))
            else:
                raise _wrong(self._text, node, "compare with ==, !=, <, <=, >, >=, in")
        if len(results) == 1:
            return results[0]
        return Column(np.logical_and.reduce([one.per_row(np.logical_or, False) for one in results]))

    def _contained(self, node: Node, left: Value, right: Value) -> Column:
        if isinstance(left, str) and isinstance(right, Column) and right.values.dtype == object:
            return right.with_values(np.array([isinstance(one, str) and left in one for one in right.values], bool))
        if isinstance(right, Column) and not isinstance(left, Column | tuple):
            return self._combined(node, np.equal, right, left)
        if isinstance(left, Column) and isinstance(right, tuple):
            each = [self._combined(node, np.equal, left, value).values for value in right]
            empty = np.zeros(len(left.values), bool)
            return left.with_values(np.logical_or.reduce(each) if each else empty)
        raise _wrong(self._text, node, 'write `labels in ("cat", "dog")` or `"word" in captions`')

    def _combined(self, node: Node, operate: Callable[[Any, Any], Any], left: Value, right: Value) -> Column:
        if not isinstance(left, Column) and not isinstance(right, Column):
            left = Column(np.full(self._columns.count, left))
        a, b = self._operand(node, left, right), self._operand(node, right, left)
        counts = next((one.counts for one in (left, right) if isinstance(one, Column) and one.counts is not None), None)
        if isinstance(left, Column) and isinstance(right, Column):
            a, b = self._spread(node, left, counts), self._spread(node, right, counts)
        try:
            with np.errstate(all="ignore"):
                return Column(_by_value(operate, a, b), counts)
        except (TypeError, ValueError, OverflowError):
            raise _wrong(self._text, node, "values of these kinds do not go together") from None

    def _operand(self, node: Node, value: Value, other: Value) -> Any:
        """A column's values, or a constant; a class name becomes its number."""
        if isinstance(value, Column):
            return value.values
        if isinstance(value, str) and isinstance(other, Column) and other.names:
            if value not in other.names:
                hint = did_you_mean(value, other.names)
                raise _wrong(self._text, node, f"no class {value!r}{hint}")
            return list(other.names).index(value)
        if isinstance(value, tuple):
            raise _wrong(self._text, node, "lists stand after `in` only")
        return value

    def _spread(self, node: Node, value: Column, counts: NDArray[np.int64] | None) -> NDArray[Any]:
        if counts is None or (value.counts is not None and np.array_equal(value.counts, counts)):
            return value.values
        if value.counts is None:
            return np.repeat(value.values, counts)
        raise _wrong(self._text, node, "rows have different numbers of values in the two")

    def _called(self, node: Node, name: str, arguments: list[Node]) -> Value:
        if name not in FUNCTIONS or len(arguments) != 1:
            hint = did_you_mean(name, FUNCTIONS)
            raise _wrong(self._text, node, f"no function of that name and one argument{hint}: {', '.join(FUNCTIONS)}")
        (argument,) = arguments
        if name in {"len", "height", "width"}:
            if not isinstance(argument, (ast.Name, ast.Attribute)):
                raise _wrong(self._text, node, f"{name}() takes the name of a tensor")
            return Column(self._columns.extents(self._tensor(argument), {"len": None, "height": 0, "width": 1}[name]))
        value = self.of(argument)
        if not isinstance(value, Column):
            raise _wrong(self._text, node, "this is a constant")
        try:
            return self._computed(name, value)
        except (TypeError, ValueError, OverflowError, AttributeError):
            raise _wrong(self._text, node, "values of this kind do not go") from None

    @staticmethod
    def _computed(name: str, value: Column) -> Column:
        if name == "abs":
            return value.with_values(np.abs(value.values))
        if name == "lower":
            lowered = np.empty(len(value.values), object)
            lowered[:] = [one.lower() for one in value.values]
            return value.with_values(lowered)
        if name == "mean":
            counts = np.ones(len(value.values)) if value.counts is None else value.counts
            with np.errstate(all="ignore"):
                return Column(Column(value.values.astype(np.float64), value.counts).per_row(np.add, np.nan) / counts)
        if name == "sum" and value.values.dtype.kind in "biu":
            value = value.with_values(value.values.astype(np.int64))  # the sum of small numbers is a large one
        reduce, empty = _REDUCE[name]
        return Column(value.per_row(reduce, empty))


def _by_value(operate: Callable[[Any, Any], Any], a: Any, b: Any) -> NDArray[Any]:
    """``operate`` on arrays; objects (texts, members of JSON) one by one, and what cannot be compared is not so."""
    is_comparison = operate in _COMPARE.values()
    if not any(isinstance(one, np.ndarray) and one.dtype == object for one in (a, b)):
        return np.asarray(operate(a, b))
    pairs = np.broadcast(np.asarray(a, object), np.asarray(b, object))
    out: list[Any] = []
    for left, right in pairs:
        try:
            out.append(operate(left, right))
        except TypeError:
            if not is_comparison:
                raise
            out.append(False)
    return np.array(out, bool) if is_comparison else np.array(out)
