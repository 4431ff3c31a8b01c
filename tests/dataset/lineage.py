"""What the versions of a dataset hold, as plain lists.

Rows are pairs of a number that stays theirs and a value, so that a merge knows which of them are the same row.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field


@dataclass(eq=False)
class Node:
    """A version: rows by tensor, and which of the rows of the version before have got other values."""

    parent: Node | None
    tensors: dict[str, list[tuple[int, int]]]
    branch: str = "main"
    updated: dict[str, set[int]] = field(default_factory=dict)
    commit: str | None = None

    def values(self):
        return {name: [value for _, value in rows] for name, rows in self.tensors.items()}

    def head(self, branch=None):
        """The version that follows this one, on its branch or on a new one."""
        return Node(self, deepcopy(self.tensors), branch or self.branch)

    def replace(self, name, at, value):
        number, _ = self.tensors[name][at]
        self.tensors[name][at] = (number, value)
        self._note(name, number)

    def remove(self, name, at):
        number, _ = self.tensors[name].pop(at)
        self.updated.get(name, set()).discard(number)

    def _note(self, name, number):
        before = self.parent.tensors.get(name, []) if self.parent else []
        if number in {one for one, _ in before}:
            self.updated.setdefault(name, set()).add(number)

    def ancestry(self):
        node = self
        while node is not None:
            yield node
            node = node.parent

    def base(self, other):
        """The newest version that both rest on, or None."""
        mine = {id(node) for node in self.ancestry()}
        return next((node for node in other.ancestry() if id(node) in mine), None)

    def changed_since(self, base, name):
        out = set()
        for node in self.ancestry():
            if node is base:
                break
            out |= node.updated.get(name, set())
        return out

    def join(self, theirs, whose):
        """Do here what another version has changed; ``whose`` value ("ours", "theirs") of a row both have changed."""
        base = self.base(theirs)
        for name in self.tensors:
            self._join(theirs, base, name, whose)

    def _join(self, theirs, base, name, whose):
        here = {number: at for at, (number, _) in enumerate(self.tensors[name])}
        known = {number for number, _ in base.tensors[name]}
        there, mine = theirs.changed_since(base, name), self.changed_since(base, name)
        for number, value in theirs.tensors[name]:
            if number not in here and (number not in known or number in there):
                self.tensors[name].append((number, value))
            elif number in here and number in there and (number not in mine or whose == "theirs"):
                if self.tensors[name][here[number]][1] != value:
                    self.updated.setdefault(name, set()).add(number)
                self.tensors[name][here[number]] = (number, value)
