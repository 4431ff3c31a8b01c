"""The commit tree: which commit a branch or id means, and which commit holds a chunk."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import FormatError, ReadOnlyError, VersionNotFoundError, did_you_mean
from deeplake_nb.format.keys import FIRST_COMMIT
from deeplake_nb.format.meta import decode_json, encode_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

MAIN = "main"


def stamp(seconds: float) -> float:
    """A commit time, as it is stored, of a Unix time: the original takes UTC for local time, and so must we."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).timestamp()


@dataclass(slots=True)
class Commit:
    """One node of the tree. A node without a time is a head: not committed yet, and the only kind to write to."""

    id: str
    branch: str = MAIN
    parent: str | None = None
    children: list[str] = field(default_factory=list)
    message: str | None = None
    time: float | None = None
    user: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_head(self) -> bool:
        """True while it can be written to."""
        return self.time is None

    @property
    def when(self) -> str | None:
        """When it was closed, as ``2024-05-01 12:00:00`` in UTC; None of a head.

        The stored number is what a local clock that shows UTC would give, as the original has it.
        """
        return None if self.time is None else f"{datetime.fromtimestamp(self.time):%Y-%m-%d %H:%M:%S}"  # noqa: DTZ006

    def encode(self) -> bytes:
        """``commit_info.json``, a copy of the node."""
        return encode_json(self.record())

    def record(self) -> dict[str, Any]:
        """The node as stored."""
        defaults: dict[str, Any] = {"is_checkpoint": False, "total_samples_processed": 0}
        return {
            **defaults,
            **self.extra,
            "branch": self.branch,
            "parent": self.parent,
            "children": self.children,
            "commit_message": self.message,
            "commit_time": self.time,
            "commit_user_name": self.user,
        }


BEING_DELETED = b'{"being_deleted": true}'
"""In place of the commit tree of a dataset whose objects go: from then on nobody opens what is left of it."""


@dataclass(slots=True)
class VersionTree:
    """``version_control_info.json``: commits by id, and the head of each branch."""

    commits: dict[str, Commit] = field(default_factory=lambda: {FIRST_COMMIT: Commit(FIRST_COMMIT)})
    branches: dict[str, str] = field(default_factory=lambda: {MAIN: FIRST_COMMIT})

    @classmethod
    def decode(cls, data: Buffer, what: str) -> VersionTree:
        """Read the object.

        Raises:
            FormatError: not a tree from the first commit, or a branch without a head.
        """
        record = decode_json(data, what)
        if bytes(data) == BEING_DELETED:
            raise FormatError(
                f"{what}: this dataset is being deleted or replaced, or that broke off, and a part of it is gone: "
                "delete() it again, or make another in its place with empty(path, overwrite=True)"
            )
        try:
            commits = {id_: _commit(id_, node) for id_, node in record["commits"].items()}
            branches = dict(record["branches"].items())
            _check_texts(*branches.values())
        except (KeyError, TypeError, AttributeError) as error:
            raise FormatError(f"{what}: not a commit tree ({type(error).__name__}: {error})") from error
        for id_, commit in commits.items():
            if commit.parent is not None and commit.parent not in commits:
                raise FormatError(f"{what}: commit {id_} names an unknown parent {commit.parent}")
        for branch, head in branches.items():
            if head not in commits:
                raise FormatError(f"{what}: branch {branch!r} names an unknown commit {head}")
        if FIRST_COMMIT not in commits or not branches:
            raise FormatError(f"{what}: the first commit or all branches are missing")
        return cls(commits, branches)

    def encode(self) -> bytes:
        """The object's bytes."""
        commits = {id_: commit.record() for id_, commit in self.commits.items()}
        return encode_json({"commits": commits, "branches": self.branches})

    def resolve(self, address: str) -> Commit:
        """The commit a branch name or commit id means.

        Raises:
            VersionNotFoundError: neither; the message suggests the nearest name.
        """
        commit = self.commits.get(self.branches.get(address, address))
        if commit is None:
            known = [*self.branches, *self.commits]
            raise VersionNotFoundError(
                f"no branch or commit {address!r}{did_you_mean(address, known)}; branches: {', '.join(self.branches)}"
            )
        return commit

    def ancestry(self, commit: str) -> Iterator[Commit]:
        """The commit, its parent, and so on to the first.

        Raises:
            FormatError: the parents form a circle.
        """
        seen = set[str]()
        at: str | None = commit
        while at is not None:
            if at in seen:
                raise FormatError(f"commit {at} is its own ancestor")
            seen.add(at)
            node = self.commits[at]
            yield node
            at = node.parent

    def common_ancestor(self, one: str, other: str) -> str:
        """The nearest commit that both rest on (each rests on itself)."""
        seen = {node.id for node in self.ancestry(one)}
        return next((node.id for node in self.ancestry(other) if node.id in seen), FIRST_COMMIT)

    # ------------------------------------------------------------------ growing

    def close(self, commit: str, new: str, message: str | None, *, time: float, user: str) -> None:
        """Make a head a closed commit, and ``new`` the head that goes on from it."""
        node = self.commits[commit]
        node.message, node.time, node.user = message, time, user
        self._add(Commit(new, node.branch, commit))

    def fork(self, commit: str, new: str, branch: str) -> None:
        """Start a branch at a closed commit, with ``new`` for its head."""
        self._add(Commit(new, branch, commit))

    def replace_head(self, commit: str, new: str) -> None:
        """Put ``new`` in the place of a head, which is forgotten."""
        node = self.commits[commit]
        self._drop(commit)
        self._add(Commit(new, node.branch, node.parent))

    def drop_branch(self, branch: str) -> list[str]:
        """Forget a branch; returns the commits that only it had, newest first.

        Raises:
            VersionNotFoundError: no such branch.
            ReadOnlyError: it is the main one, or another branch starts on it.
        """
        head = self.branches.get(branch)
        if head is None:
            raise VersionNotFoundError(f"no branch {branch!r}{did_you_mean(branch, self.branches)}")
        if branch == MAIN:
            raise ReadOnlyError(f"branch {branch!r} is the main one and stays")
        gone = [node.id for node in takewhile(lambda node: node.branch == branch, self.ancestry(head))]
        for node in self.commits.values():
            if node.parent in gone and node.id not in gone:
                raise ReadOnlyError(f"branch {branch!r} stays: branch {node.branch!r} starts on it; delete that first")
        for commit in gone:
            self._drop(commit)
        del self.branches[branch]
        return gone

    def _add(self, commit: Commit) -> None:
        self.commits[commit.id] = commit
        self.branches[commit.branch] = commit.id
        if commit.parent is not None:
            self.commits[commit.parent].children.append(commit.id)

    def _drop(self, commit: str) -> None:
        node = self.commits.pop(commit)
        if node.parent in self.commits:
            siblings = self.commits[node.parent].children
            siblings[:] = [child for child in siblings if child != commit]

    def owner(
        self, commit: str, tensor: str, chunk: str, chunk_set: Callable[[str, str], dict[str, tuple[str, str]]]
    ) -> tuple[str, str]:
        """``(commit, tensor key)`` under which a chunk's object lies, as seen from ``commit``.

        ``chunk_set(commit, tensor)`` gives the names listed by that commit's ``chunk_set`` object, see
        :func:`decode_chunk_set`. The nearest ancestor that lists the chunk has it; the first commit has the rest.
        """
        for node in self.ancestry(commit):
            if node.id == FIRST_COMMIT:
                break
            entry = chunk_set(node.id, tensor).get(chunk)
            if entry is not None:
                return entry[0] or node.id, entry[1] or tensor
        return FIRST_COMMIT, tensor


def _commit(id_: str, node: dict[str, Any]) -> Commit:
    branch, parent, children, time = (
        node.pop("branch"),
        node.pop("parent"),
        list(node.pop("children")),
        node.pop("commit_time", None),
    )
    _check_texts(branch, *children, *([] if parent is None else [parent]))
    if time is not None and (isinstance(time, bool) or not isinstance(time, (int, float))):
        raise TypeError(f"commit_time {time!r:.40}")
    message, user = node.pop("commit_message", None), node.pop("commit_user_name", None)
    return Commit(id_, branch, parent, children, message, time, user, node)


def _check_texts(*names: Any) -> None:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"expected a name, got {name!r:.40}")


def decode_chunk_set(data: Buffer) -> dict[str, tuple[str, str]]:
    """Chunk name to ``(commit, tensor key)`` it is redirected to; empty strings where it is not."""
    entries = (entry.split(":", 2) for entry in bytes(data).decode("utf-8", "replace").split(",") if entry)
    return {entry[0]: (entry[1] if len(entry) > 1 else "", entry[2] if len(entry) > 2 else "") for entry in entries}  # noqa: PLR2004


def encode_chunk_set(entries: dict[str, tuple[str, str]]) -> bytes:
    """The object's bytes."""
    return ",".join(":".join(filter(None, (name, *target))) for name, target in entries.items()).encode()
