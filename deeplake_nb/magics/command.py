"""What a verb of ``%lake`` is: a frozen class whose fields are declared once. Pure."""

from __future__ import annotations

import ast
import dataclasses
from dataclasses import MISSING, dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

from deeplake_nb.errors import CommandError

Takes = Literal[
    "url", "variable", "dataset", "store", "expression", "tensor", "branch", "verb", "action", "text", "nothing"
]


class Argument(NamedTuple):
    """One thing a verb can be told."""

    field: str
    metavar: str
    help: str
    takes: Takes
    """What may stand here, for completion. ``nothing``: the word alone says yes."""
    words: tuple[str, ...]
    """What introduces it, such as ``as`` or ``--branch``; none: it goes by its place."""
    is_required: bool

    @property
    def written(self) -> str:
        """How it is written: ``URL``, ``as NAME``, ``--read-only``."""
        return " ".join(filter(None, (*self.words[:1], self.metavar)))


def argument(metavar: str, says: str, takes: Takes, *words: str, default: Any = MISSING, last: bool = False) -> Any:
    """A field of a verb: how it is called, what it is for, what may stand there, and the words that introduce it."""
    row = {"metavar": metavar, "help": says, "takes": takes, "words": words}
    return field(default=default, kw_only=last, metadata=row)


@dataclass(frozen=True, slots=True)
class Command:
    """One line, understood."""

    example: ClassVar[str]
    actions: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def arguments(cls) -> list[Argument]:
        """What the verb can be told, in the order of its usage."""
        in_order = sorted(dataclasses.fields(cls), key=lambda f: bool(f.kw_only))
        return [Argument(f.name, is_required=f.default is MISSING, **f.metadata) for f in in_order]


@dataclass(frozen=True, slots=True)
class Call(Command):
    """A command that equals one call of the library."""

    code: bool = argument(
        "", "print the equal Python call instead of running it", "nothing", "--code", default=False, last=True
    )

    @property
    def python(self) -> str:
        """That call."""
        raise NotImplementedError

    @property
    def script(self) -> str:
        """That call with the imports it needs: a cell that does the same.

        Raises:
            CommandError: an expression that is none.
        """
        try:
            tree = ast.parse(self.python)
        except SyntaxError as error:
            raise CommandError(f"{self.python} is no Python: {error.msg}") from error
        called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        modules = sorted(
            {name.rpartition(".")[0] for name in called if name.startswith("deeplake_nb.") and "(" not in name}
        )
        return "".join(f"import {name}\n" for name in modules) + self.python
