"""What the versions of a dataset hold, as plain lists.

Rows are pairs of a number that stays theirs and a value, so that a merge knows which of them are the same row.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field


@dataclass(eq=False)
class Node:
    """A version: rows by tensor, and which of the rows of the version before got other values or are gone."""

    parent: Node | None
    tensors: dict[str, list[tuple[int, int]]]
    branch: str = "main"
    updated: dict[str, set[int]] = field(default_factory=dict)
    removed: dict[str, set[int]] = field(default_factory=dict)
    commit: str | None = None

    def values(self):
        return {name: [value for _, value in rows] for name, rows in self.tensors.items()}

    def head(self, branch=None):
        """The version that follows this one, on its branch or on a new one."""
        return Node(self, deepcopy(self.tensors), branch or self.branch)

    def replace(self, name, at, value):
        number, _ = self.tensors[name][at]
        self.tensors[name][at] = (number, value)
        if self._is_older(name, number):
            self.updated.setdefault(name, set()).add(number)

    def remove(self, name, at):
        number, _ = self.tensors[name].pop(at)
        self.updated.get(name, set()).discard(number)
        if self._is_older(name, number):
            self.removed.setdefault(name, set()).add(number)

    def _is_older(self, name, number):
        before = self.parent.tensors.get(name, []) if self.parent else []
        return number in {one for one, _ in before}

    def ancestry(self):
        node = self
        while node is not None:
            yield node
            node = node.parent

    def base(self, other):
        """The newest version that both rest on, or None."""
        mine = {id(node) for node in self.ancestry()}
        return next((node for node in other.ancestry() if id(node) in mine), None)

    def since(self, base, what, name):
        """Rows that were ``"updated"`` or ``"removed"`` after a version."""
        out = set()
        for node in self.ancestry():
            if node is base:
                break
            out |= getattr(node, what).get(name, set())
        return out

    def join(self, theirs, whose, *, together=True):
        """Do here what another version has changed; ``whose`` value ("ours", "theirs") of a row both have changed.

        A row that was removed here is back where it was changed there: ``together`` with the same one of the other
        tensors, or without them, as the original has it.
        """
        base = self.base(theirs)
        back = {name: self._back(theirs, base, name) for name in self.tensors}
        if together:
            places = {
                at
                for name, rows in back.items()
                for at, (number, _) in enumerate(theirs.tensors[name])
                if number in rows
            }
            for name, rows in back.items():
                rows.update(number for at, (number, _) in enumerate(theirs.tensors[name]) if at in places)
        for name in self.tensors:
            self._join(theirs, base, name, whose, back[name])

    def _back(self, theirs, base, name):
        here = {number for number, _ in self.tensors[name]}
        lost = {number for number, _ in base.tensors[name]} | self.since(base, "removed", name)
        return {number for number in theirs.since(base, "updated", name) & lost if number not in here}

    def _join(self, theirs, base, name, whose, back):
        here = {number: at for at, (number, _) in enumerate(self.tensors[name])}
        lost = {number for number, _ in base.tensors[name]} | self.since(base, "removed", name)
        there, mine = theirs.since(base, "updated", name), self.since(base, "updated", name)
        for number, value in theirs.tensors[name]:
            if number not in here and (number not in lost or number in back):
                self.tensors[name].append((number, value))
            elif number in here and number in there and (number not in mine or whose == "theirs"):
                if self.tensors[name][here[number]][1] != value:
                    self.updated.setdefault(name, set()).add(number)
                self.tensors[name][here[number]] = (number, value)
