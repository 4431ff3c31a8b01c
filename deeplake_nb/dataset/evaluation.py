"""What an expression means, on whole columns: names are looked up in ``Columns``, and nothing of Python is run."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.columns import Column, objects
from deeplake_nb.dataset.functions import (
    ARITHMETIC,
    COMPARE,
    JOIN,
    OF_ONE,
    PAIRED,
    REDUCE,
    by_value,
    computed,
    cosine,
    is_like,
    member,
)
from deeplake_nb.errors import CommandError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from deeplake_nb.dataset.columns import Columns

    Node = ast.expr
    Value = Column | str | int | float | bool | None | tuple[Any, ...] | dict[Any, Any]


_MOST_NAMES = 5
_AXIS = {"height": 0, "width": 1}
_OTHER = ("len", *_AXIS, "contains", "shape", "tensor", "cosine_similarity", "data", "row_number")
FUNCTIONS = tuple(dict.fromkeys((*OF_ONE, *PAIRED, *_OTHER)))
MEMBERS = frozenset({"min", "max", "mean", "size", "shape", "sample_info"})
HAVE = (
    "filters have names (tensor('any name'), too), numbers, texts, lists, comparisons, and/or/not, | & ~, "
    "+ - * / // % **, functions, and of a tensor x[0], x[:, 2], .min, .max, .mean, .size, .shape, .sample_info and "
    ".contains(value)"
)


def wrong(text: str, node: ast.expr, why: str) -> CommandError:
    """A part of an expression that does not go, and why."""
    return CommandError(f"in the filter {text!r}: {part_of(text, node)!r} does not go: {why}")


def part_of(text: str, node: ast.expr) -> str:
    """An expression's own words for a part of it."""
    return ast.get_source_segment(text.strip(), node) or text


class Evaluation:
    """One evaluation over some rows."""

    def __init__(self, text: str, columns: Columns) -> None:
        self._text = text
        self._columns = columns

    def truth(self, node: Node, why: str) -> NDArray[np.bool_]:
        """Which rows fit: those of which a value does; of ``!=``, as in v3, those of which all do.

        Raises:
            CommandError: it says neither yes nor no.
        """
        value = self.of(node)
        if not isinstance(value, Column) or value.values.dtype != np.bool_:
            raise wrong(self._text, node, why)
        is_unlike = isinstance(node, ast.Compare) and all(isinstance(op, ast.NotEq) for op in node.ops)
        return value.per_row(*REDUCE["all" if is_unlike else "any"]).astype(bool)

    def of(self, node: Node) -> Value:  # noqa: C901, PLR0911, PLR0912 - a case for each kind of node
        """The values of an expression.

        Raises:
            CommandError: it does not fit the tensors.
        """
        match node:
            case ast.Constant(value=str() | int() | float() | bool() | None as value):
                return value
            case ast.Tuple(elts=items) | ast.List(elts=items):
                return tuple(self.of(item) for item in items)
            case ast.Dict():
                return dict(self._literal(node))
            case ast.Name(id=name):
                return self._named(node, name)
            case ast.Attribute(value=value, attr=attr):
                return self._attribute(node, value, attr)
            case ast.Subscript(value=value, slice=at):
                return self._subscript(node, value, at)
            case ast.BoolOp(op=op, values=values):
                return Column(JOIN[type(op)].reduce([self._joined(value) for value in values]))
            case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() as op, right=right):
                return Column(JOIN[type(op)](self._joined(left), self._joined(right)))
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return Column(~self._joined(operand))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._combined(node, np.subtract, 0, self.of(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                return self._combined(node, ARITHMETIC[type(op)], self.of(left), self.of(right))
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compared(node, [left, *others], ops)
            case ast.Call(func=ast.Attribute(value=value, attr="contains"), args=[one]):
                return self._combined(node, np.equal, self.of(value), self.of(one))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._called(node, name, arguments)
        raise wrong(self._text, node, "this is no part of filters")

    def _joined(self, node: Node) -> NDArray[np.bool_]:
        return self.truth(node, "and, or and not join comparisons")

    def _literal(self, node: Node) -> Any:
        try:
            return ast.literal_eval(node)
        except (TypeError, ValueError):
            raise wrong(self._text, node, "write numbers and texts here") from None

    # ------------------------------------------------------------------ names

    def _named(self, node: Node, name: str) -> Value:
        if name in self._columns.names:
            return self._columns.column(name)
        known = ", ".join(self._columns.names)
        raise wrong(self._text, node, f"no such tensor{did_you_mean(name, self._columns.names)}; there are {known}")

    def _tensor(self, node: Node) -> str:
        """The tensor that a name means: ``group.tensor`` for one in a group, ``tensor("a name")`` for any."""
        parts, at = list[str](), node
        while isinstance(at, ast.Attribute):
            parts, at = [at.attr, *parts], at.value
        match at:
            case ast.Name(id=name):
                name = "/".join([name, *parts])
            case ast.Call(func=ast.Name(id="tensor"), args=[ast.Constant(value=str() as name)]) if not parts:
                pass
            case _:
                raise wrong(self._text, node, "the name of a tensor is needed here")
        if name not in self._columns.names:
            raise wrong(self._text, node, f"no such tensor{did_you_mean(name, self._columns.names)}")
        return name

    def _attribute(self, node: Node, of: Node, attr: str) -> Value:
        if attr not in MEMBERS:
            if isinstance(of, ast.Name) and of.id in self._columns.names:
                raise wrong(self._text, node, HAVE)
            return self._columns.column(self._tensor(node))
        if isinstance(of, ast.Subscript) and attr not in {"shape", "sample_info"}:
            values = self.of(of)
            if not isinstance(values, Column):
                raise wrong(self._text, node, HAVE)
            return Column(values.sizes) if attr == "size" else self._computed(node, attr, values)
        name = self._tensor(of)
        if attr == "size":
            return Column(self._columns.sizes(name))
        if attr in {"shape", "sample_info"}:
            return Column(objects(self._columns.shapes(name) if attr == "shape" else self._columns.infos(name)))
        return self._computed(node, attr, self._columns.column(name))

    def _subscript(self, node: Node, of: Node, at: Node) -> Value:
        """``x[0]``, ``x[:, 2]``: a part of each sample; ``about["stars"][0]``: a member of its JSON."""
        if (shaped := _shaped(of)) is not None:
            return Column(self._columns.extents(self._tensor(shaped), self._index(at, int)))
        if isinstance(at, ast.Constant) and isinstance(at.value, str):
            return self._member(node, of, at.value)
        parts, base = [self._index(at)], of
        while isinstance(base, ast.Subscript):
            if isinstance(base.slice, ast.Constant) and isinstance(base.slice.value, str):
                return self._member(node, of, parts[0])
            parts, base = [self._index(base.slice), *parts], base.value
        name = self._tensor(base)
        try:
            return self._columns.column(name, tuple(parts))
        except IndexError as error:
            raise wrong(self._text, node, f"no sample has it: {error}") from None

    def _index(self, node: Node, kind: type = object) -> Any:
        match node:
            case ast.Slice(lower=lower, upper=upper, step=step):
                index: Any = slice(*[one and self._index(one, int) for one in (lower, upper, step)])
            case ast.Tuple(elts=items):
                index = tuple(self._index(item) for item in items)
            case _:
                index = self._literal(node)
                if type(index) is not int:
                    raise wrong(self._text, node, "positions are whole numbers, as in x[0], x[-1], x[1:3] or x[:, 2]")
        if not isinstance(index, kind):
            raise wrong(self._text, node, "one whole number is needed here")
        return index

    def _member(self, node: Node, of: Node, key: Any) -> Value:
        values = self.of(of)
        if not isinstance(values, Column) or values.values.dtype != object:
            raise wrong(self._text, node, "only json tensors have members")
        return values.with_values(objects([member(one, key) for one in values.values]))

    # ------------------------------------------------------------------ comparisons

    def _compared(self, node: Node, operands: list[Node], ops: list[ast.cmpop]) -> Value:
        results = []
        for left, op, right in zip(operands, ops, operands[1:], strict=False):
            a, b = self.of(left), self.of(right)
            if isinstance(op, (ast.In, ast.NotIn)):
                found = self._contained(node, a, b)
                results.append(found if isinstance(op, ast.In) else Column(~found.per_row(*REDUCE["any"])))
            elif isinstance(op, (ast.Eq, ast.NotEq)) and (isinstance(a, tuple) or isinstance(b, tuple)):
                alike = self._alike(node, b, a) if isinstance(a, tuple) else self._alike(node, a, b)
                results.append(Column(alike if isinstance(op, ast.Eq) else ~alike))
            elif type(op) in COMPARE:
                if not isinstance(op, (ast.Eq, ast.NotEq)):
                    self._check_order(node, a, b)
                results.append(self._combined(node, COMPARE[type(op)], a, b))
            else:
                raise wrong(self._text, node, "compare with ==, !=, <, <=, >, >=, in")
        if len(results) == 1:
            return results[0]
        return Column(np.logical_and.reduce([one.per_row(*REDUCE["any"]) for one in results]))

    def _check_order(self, node: Node, *pair: Value) -> None:
        if any(isinstance(one, str) for one in pair) and any(
            isinstance(one, Column) and one.names is not None for one in pair
        ):
            raise wrong(self._text, node, "classes have no order; compare them with == or !=")

    def _alike(self, node: Node, values: Value, wanted: Any) -> NDArray[np.bool_]:
        """Rows whose values are these and no others, in any order and number, as in v3; a shape or JSON: just these."""
        if not isinstance(values, Column):
            raise wrong(self._text, node, "a list is compared with a tensor")
        if values.counts is None and values.values.dtype == object:
            return np.array([is_like(one, wanted) for one in values.values], bool)
        fits = self._contained(node, values, wanted).per_row(*REDUCE["all"]).astype(bool)
        for item in wanted:
            fits &= self._combined(node, np.equal, values, item).per_row(*REDUCE["any"]).astype(bool)
        return fits

    def _contained(self, node: Node, left: Value, right: Value) -> Column:
        if isinstance(left, str) and isinstance(right, Column) and right.values.dtype == object:
            return right.with_values(np.array([isinstance(one, str) and left in one for one in right.values], bool))
        if isinstance(right, Column) and not isinstance(left, Column | tuple):
            return self._combined(node, np.equal, right, left)
        if isinstance(left, Column) and isinstance(right, tuple):
            each = [self._combined(node, np.equal, left, value).values for value in right]
            empty = np.zeros(len(left.values), bool)
            return left.with_values(np.logical_or.reduce(each) if each else empty)
        raise wrong(self._text, node, 'write `labels in ("cat", "dog")` or `"word" in captions`')

    def _combined(self, node: Node, operate: Callable[[Any, Any], Any], left: Value, right: Value) -> Column:
        a, b, counts = self._aligned(node, left, right)
        try:
            with np.errstate(all="ignore"):
                return Column(by_value(operate, a, b), counts)
        except (TypeError, ValueError, OverflowError):
            raise wrong(self._text, node, "values of these kinds do not go together") from None

    def _aligned(self, node: Node, left: Value, right: Value) -> tuple[Any, Any, NDArray[np.int64] | None]:
        """Values of both, of which each of one stands beside one of the other; and how many a row has."""
        if not isinstance(left, Column) and not isinstance(right, Column):
            if isinstance(left, tuple) or isinstance(right, tuple):
                raise wrong(self._text, node, "a list is compared with a tensor")
            left = Column(np.full(len(self._columns.rows), left))
        a, b = self._operand(node, left, right), self._operand(node, right, left)
        counts = next((one.counts for one in (left, right) if isinstance(one, Column) and one.counts is not None), None)
        if isinstance(left, Column) and isinstance(right, Column):
            a, b = self._spread(node, left, counts), self._spread(node, right, counts)
        return a, b, counts

    def _operand(self, node: Node, value: Value, other: Value) -> Any:
        """A column's values, or a constant; a class name becomes its number, a list goes with every row."""
        if isinstance(value, Column):
            return value.values
        if isinstance(value, str) and isinstance(other, Column) and other.names is not None:
            names = list(other.names)
            return names.index(value) if value in names else self._no_class(node, value, names)
        if isinstance(value, tuple) and isinstance(other, Column):
            if not (other.sizes == len(value)).all():
                raise wrong(self._text, node, "a list here has as many numbers as each row has values")
            return np.tile(np.array(value), len(other.sizes))
        return value

    def _no_class(self, node: Node, value: str, names: list[str]) -> int:
        """The number of a class that there is not: as in v3 no label is one, and the user is told."""
        there_are = ", ".join(map(repr, names[:_MOST_NAMES])) + ", ..." * (len(names) > _MOST_NAMES)
        hint = did_you_mean(value, names) or (f"; there are {there_are}" if names else "; there are no class names")
        self._columns.note(f"in {part_of(self._text, node)!r}: no class {value!r}{hint}")
        return -1

    def _spread(self, node: Node, value: Column, counts: NDArray[np.int64] | None) -> NDArray[Any]:
        if counts is None or (value.counts is not None and np.array_equal(value.counts, counts)):
            return value.values
        if value.counts is None:
            return np.repeat(value.values, counts)
        raise wrong(self._text, node, "rows have different numbers of values in the two")

    # ------------------------------------------------------------------ functions

    def _called(self, node: Node, name: str, arguments: list[Node]) -> Value:  # noqa: C901, PLR0911 - a case for each form
        match name, arguments:
            case "row_number", []:
                return Column(self._columns.rows)
            case "tensor", [ast.Constant()]:
                return self._columns.column(self._tensor(node))
            case "shape", [one]:
                return self._attribute(node, one, "shape")
            case "len", [one]:
                return self._length(node, one)
            case (("height" | "width"), [one]):
                return Column(self._columns.extents(self._named_in(node, name, one), _AXIS[name]))
            case "contains", [of, one]:
                return self._contained(node, self.of(one), self.of(of))
            case "data", [of, row]:
                return tuple(self._columns.sample(self._tensor(of), self._index(row, int)).tolist())
            case "cosine_similarity", [one, other]:
                return self._cosine(node, self.of(one), self.of(other))
            case _, [one, other] if name in PAIRED:
                return self._combined(node, PAIRED[name], self.of(one), self.of(other))
            case _, [one] if name in OF_ONE:
                value = self.of(one)
                if not isinstance(value, Column):
                    raise wrong(self._text, node, "this is a constant")
                return self._computed(node, name, value)
        hint = did_you_mean(name, FUNCTIONS)
        which = "no function of that name" if name not in FUNCTIONS else "it takes other arguments"
        raise wrong(self._text, node, f"{which}{hint}: {', '.join(FUNCTIONS)}")

    def _named_in(self, node: Node, name: str, argument: Node) -> str:
        if not isinstance(argument, (ast.Name, ast.Attribute, ast.Call)):
            raise wrong(self._text, node, f"{name}() takes the name of a tensor")
        return self._tensor(argument)

    def _length(self, node: Node, of: Node) -> Column:
        if _is_part(of) or (isinstance(of, ast.Attribute) and of.attr in MEMBERS):
            value = self.of(of)
            if isinstance(value, Column) and value.counts is None and value.values.dtype == object:
                return Column(np.array([len(one) if hasattr(one, "__len__") else 0 for one in value.values], np.int64))
            if isinstance(value, Column):
                return Column(value.sizes)
        return Column(self._columns.extents(self._named_in(node, "len", of), None))

    def _computed(self, node: Node, name: str, column: Column) -> Column:
        try:
            return computed(name, column)
        except (TypeError, ValueError, OverflowError, AttributeError):
            raise wrong(self._text, node, "values of this kind do not go") from None

    def _cosine(self, node: Node, one: Value, other: Value) -> Column:
        try:
            return cosine(*self._aligned(node, one, other))
        except (TypeError, ValueError):
            raise wrong(self._text, node, "values of these kinds do not go together") from None


def _shaped(node: Node) -> Node | None:
    """Of what the shape is meant, in ``x.shape`` and in ``shape(x)``."""
    match node:
        case ast.Attribute(value=value, attr="shape") | ast.Call(func=ast.Name(id="shape"), args=[value]):
            return value
    return None


def _is_part(node: Node) -> bool:
    return isinstance(node, ast.Subscript) or _shaped(node) is not None
