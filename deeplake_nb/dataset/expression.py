"""A small language of filters: ``labels == "cat" and len(boxes) > 3``.

Python's own grammar, read by its parser and evaluated here on whole columns; nothing of Python is run. Names are
tensors (``group.tensor`` too, ``tensor("any name")``), and ``row``. A tensor with several values per row is compared
value by value, and a row is taken when any of them fits: ``not labels == "cat"`` and ``labels != "cat"`` are "has no
cat", ``all(scores > 0.5)`` asks for every one. What v3's filters say is understood as well: ``labels.contains("cat")``,
``labels == ["cat", "dog"]`` (these and no others), ``x[0] > 2``, ``(a > 1) | (b < 2)``, ``x.max``, ``x.min``,
``x.mean``, ``x.size``, ``images.shape[0]``; and what its queries have beside: ``shape(x)[0]``, ``row_number()``,
``all_strict()``, ``logical_and()``, ``l2_norm(x - [1, 2])``, ``cosine_similarity(x, data(x, 7))``.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.columns import Column
from deeplake_nb.dataset.evaluation import FUNCTIONS, HAVE, MEMBERS, Evaluation, wrong
from deeplake_nb.errors import CommandError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from deeplake_nb.dataset.columns import Columns

_MOST_CHARS = 100_000  # a query may have a vector
_MOST_DEPTH = 60
_OF_SHAPES, _MEMBERS_OF_SHAPES = {"len", "width", "height", "shape"}, {"shape", "size", "sample_info"}
_NODES = (
    *(ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Call, ast.Name, ast.Attribute, ast.Subscript, ast.Slice),
    *(ast.Constant, ast.Tuple, ast.List, ast.Dict),
)


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read and found well-formed."""

    text: str
    _tree: ast.expr

    def reads(self, tensor: str) -> bool:
        """Whether it may ask for values of a tensor, and not for their shapes alone."""
        return tensor.rpartition("/")[2] in ast.unparse(_Values().visit(copy.deepcopy(self._tree)))

    def mask(self, columns: Columns) -> NDArray[np.bool_]:
        """Which rows fit.

        Raises:
            CommandError: an unknown name, or values that cannot be compared.
        """
        return Evaluation(self.text, columns).truth(self._tree, 'a filter says yes or no, such as `labels == "cat"`')

    def keys(self, columns: Columns) -> NDArray[Any]:
        """One value per row, to sort by.

        Raises:
            CommandError: an unknown name, or several values per row.
        """
        result = Evaluation(self.text, columns).of(self._tree)
        if not isinstance(result, Column) or result.counts is not None:
            raise wrong(self.text, self._tree, "rows are sorted by one value each; take min(), max(), mean() or len()")
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


class _Values(ast.NodeTransformer):
    """Takes out what is answered by shapes, and by what is known of files."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        is_extent = isinstance(node.func, ast.Name) and node.func.id in _OF_SHAPES
        return ast.Constant(0) if is_extent else self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Constant(0) if node.attr in _MEMBERS_OF_SHAPES else self.generic_visit(node)


def spelled(name: str) -> str:
    """A tensor's name as expressions have it.

    Example:
        >>> spelled("labels"), spelled("left/labels"), spelled("a label")
        ('labels', 'left.labels', "tensor('a label')")
    """
    parts = name.split("/")
    is_plain = all(part.isidentifier() and not iskeyword(part) for part in parts)
    return ".".join(parts) if is_plain and not set(parts[1:]) & MEMBERS else f"tensor({name!r})"


def _check(text: str, node: ast.expr, room: int) -> None:
    if room == 0:
        raise CommandError(f"the filter {text[:40]!r}... is nested too deeply")
    if not isinstance(node, _NODES):
        raise wrong(text, node, HAVE)
    if isinstance(node, ast.Attribute) and not isinstance(
        node.value, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)
    ):
        raise wrong(text, node, HAVE)
    is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "contains"
    if isinstance(node, ast.Call) and ((not isinstance(node.func, ast.Name) and not is_method) or node.keywords):
        raise wrong(text, node, f"functions: {', '.join(FUNCTIONS)}")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            _check(text, child, room - 1)
