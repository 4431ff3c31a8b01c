"""The versions of a dataset, as its users see them: where they are, how they get elsewhere, what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset import commits
from deeplake_nb.dataset.difference import difference, has_changes
from deeplake_nb.dataset.merge import RESOLUTIONS, merge
from deeplake_nb.dataset.rows import Rows
from deeplake_nb.dataset.writer import Writer
from deeplake_nb.errors import FormatError, MergeError, ReadOnlyError, SampleError, UnsupportedError
from deeplake_nb.progress import Progress

if TYPE_CHECKING:
    from deeplake_nb.dataset.state import State
    from deeplake_nb.format.versions import Commit


class Versions(Rows):
    """The version of a dataset that this is, and the others there are."""

    # ------------------------------------------------------------------ where this is

    @property
    def branch(self) -> str:
        """The branch of this version."""
        return self._state.commit.branch

    @property
    def branches(self) -> list[str]:
        """Names of all branches."""
        return list(self._state.tree.branches)

    @property
    def commit_id(self) -> str | None:
        """The last commit this version rests on; None before the first."""
        commit = self._state.commit
        return commit.parent if commit.is_head else commit.id

    @property
    def pending_commit_id(self) -> str:
        """The id of this version, also while it is not committed yet."""
        return self._state.commit.id

    @property
    def is_head_node(self) -> bool:
        """Whether this version can be committed: it is the newest of its branch."""
        return self._state.commit.is_head

    @property
    def commits(self) -> list[dict[str, Any]]:
        """Closed commits from here back to the first: ``commit`` (id), ``author``, ``time`` (UTC), ``message``."""
        ancestry = self._state.tree.ancestry(self._state.commit.id)
        return [_details(node) for node in ancestry if not node.is_head]

    def get_commit_details(self, commit_id: str) -> dict[str, Any]:
        """``commit``, ``author``, ``time`` (UTC, None of a head) and ``message`` of one commit.

        Raises:
            VersionNotFoundError: no such commit.
        """
        return _details(self._state.tree.resolve(commit_id))

    def log(self) -> None:
        """Print the closed commits from this version back to the first."""
        lines = ["---------------", "Deep Lake Version Log", "---------------", "", f"Current Branch: {self.branch}"]
        if self.has_head_changes:
            lines.append("** There are uncommitted changes on this branch.")
        lines.append("")
        for node in self._state.tree.ancestry(self._state.commit.id):
            if not node.is_head:
                lines += [f"Commit : {node.id} ({node.branch})", f"Author : {node.user}", f"Time   : {node.when}"]
                lines += [f"Message: {node.message}", ""]
        print("\n".join(lines))  # noqa: T201 - v3's method prints

    # ------------------------------------------------------------------ what differs

    @property
    def has_head_changes(self) -> bool:
        """Whether this is a head that differs from the commit before; the first one always does."""
        if not self._state.commit.is_head:
            return False
        self.flush()
        return has_changes(self._state.storage, self._state.commit)

    def diff(self, id_1: str | None = None, id_2: str | None = None, as_dict: bool = False) -> dict[str, Any] | None:
        """Print, or with ``as_dict`` give, what changed.

        Without ids: since the commit before. With one: this version and that one, each since the newest commit both
        rest on. With two: the same of those two.

        Returns:
            ``{"dataset": changes, "tensor": changes}``: lists of one dict per commit, newest first; pairs of such
            lists where two versions are compared.

        Raises:
            VersionNotFoundError: no such branch or commit.
        """
        self.flush()
        tree = commits.read_tree(self._state.storage)
        found, text = difference(self._state.storage, tree, self._state.commit, id_1, id_2)
        if as_dict:
            return found
        print(text)  # noqa: T201 - v3's method prints
        return None

    # ------------------------------------------------------------------ going elsewhere

    def commit(self, message: str | None = None, allow_empty: bool = False) -> str:
        """Keep this version as it is, under an id; the branch goes on from it. Returns the id.

        Raises:
            SampleError: nothing has changed and ``allow_empty`` is not given.
            ReadOnlyError: opened for reading.
        """
        writer = self._versioning()
        if not allow_empty and not self.has_head_changes:
            raise SampleError("nothing has changed since the last commit; pass allow_empty=True to commit all the same")
        return writer.commit(message)

    def checkout(self, address: str, create: bool = False, reset: bool = False) -> str | None:
        """Go to a branch or commit of this dataset; with ``create`` to a new branch, which starts here.

        A head with changes is committed before a branch starts on it. With ``reset`` a branch whose newest version
        is damaged goes back to its last commit. Returns the last commit the version rests on.

        Raises:
            VersionNotFoundError: no such branch or commit.
            SampleError: a branch to create exists already.
            ReadOnlyError: a branch cannot be made of something opened for reading.
            UnsupportedError: this is a selection of rows, or a group.
        """
        self._check_whole()
        self.flush()
        if create:
            self._branch_off(address)
        try:
            self._go(address)
        except FormatError:  # a storage that failed may have all of it
            if not reset:
                raise
            self._revive(address)
        return self.commit_id

    def _go(self, address: str) -> None:
        state = self._state.at(address)
        if self._writer is not None:
            self._writer.close()
        self._state = state
        self._writer = None if state.is_read_only else Writer(state)

    def _revive(self, branch: str) -> None:
        """Start the head of a branch anew, as what it holds cannot be read."""
        if self._state.is_read_only:
            raise ReadOnlyError(f"{self.path} was opened for reading, and cannot be reset")
        commits.revive(self._state.storage, branch)
        self._go(branch)

    def _branch_off(self, name: str) -> None:
        commit = self._state.commit
        if self._writer is None and commit.is_head:
            raise ReadOnlyError(f"{self._state.storage.url} was opened for reading; load it with read_only=False")
        commits.check_branch_name(name)
        commits.check_new_branch(commits.read_tree(self._state.storage), name)
        start: str | None = commit.id
        if commit.is_head:
            changed = self.has_head_changes
            start = self._versioning().commit(f"auto commit before checkout to {name}") if changed else commit.parent
        commits.fork(self._state.storage, name, str(start))

    def merge(
        self,
        target_id: str,
        conflict_resolution: str | None = None,
        delete_removed_tensors: bool = False,
        force: bool = False,
    ) -> None:
        """Do here what another branch or commit has changed since both were one, and commit it.

        New rows are appended, changed rows updated, new and renamed tensors taken over. A branch with changes that
        are not committed is committed first. Rows removed there stay here. New rows join all tensors at once, and so do
        changed ones; a merge that was killed in between is done by merging again.

        Args:
            target_id: the branch or commit.
            conflict_resolution: whose value of a row stays that both have changed: ``"ours"`` or ``"theirs"``; None
                refuses to merge then.
            delete_removed_tensors: also delete tensors that were deleted there.
            force: take a tensor that was renamed there, and is renamed or gone here, as a new one; join one that was
                renamed there to the name of another one here with that.

        Raises:
            VersionNotFoundError: no such branch or commit.
            MergeError: the versions contradict each other; nothing changed.
            ReadOnlyError: opened for reading.
        """
        writer = self._versioning()
        if conflict_resolution not in RESOLUTIONS:
            raise MergeError(f"conflict_resolution is 'ours', 'theirs' or None, got {conflict_resolution!r:.60}")
        self.flush()
        theirs = self._state.at(target_id)
        if theirs.commit.is_head and theirs.commit.id != self._state.commit.id:
            theirs = self._closed(theirs)
        base = theirs.tree.common_ancestor(self._state.commit.id, theirs.commit.id)
        if base == theirs.commit.id:
            return
        message = f"Merge {theirs.commit.id} into {self.branch}"
        undone = "what was taken over so far is not committed: merging again does the rest, and reset() forgets it"
        with Progress(f"merge {target_id} into {self.branch}", "samples", undone=undone):
            writer.begin()
            try:
                options = {"delete_removed": delete_removed_tensors, "force": force}
                merge(writer, theirs, self._state.at(base), conflict_resolution, **options)
            finally:
                writer.end()
        writer.commit(message)

    def _closed(self, head: State) -> State:
        """The last commit of another branch, which gets one if there is anything to commit."""
        if not has_changes(head.storage, head.commit):
            return head.at(str(head.commit.parent))
        other = Writer(head)
        closed = other.commit(f"Auto commit before merging into {self.branch}")
        other.close()
        return head.at(closed)

    def delete_branch(self, name: str) -> None:
        """Delete a branch with its commits; another one may be neither started on it nor merged from it.

        Raises:
            VersionNotFoundError: no such branch.
            ReadOnlyError: opened for reading, or the branch is needed: by this object, as the main one, or by others.
        """
        if self._state.is_read_only or name == self.branch:
            why = "is checked out" if name == self.branch else "cannot be deleted: the dataset was opened for reading"
            raise ReadOnlyError(f"branch {name!r} of {self._state.storage.url} {why}")
        self.flush()
        commits.delete_branch(self._state.storage, name)
        self._state.tree = commits.read_tree(self._state.storage)

    def reset(self, force: bool = False) -> None:
        """Forget what was written since the last commit: it is deleted. ``force`` does so without looking first.

        Raises:
            ReadOnlyError: opened for reading, or a closed commit.
        """
        writer = self._versioning()
        if not self.is_head_node:
            raise ReadOnlyError(f"{self.path} is at a closed commit, which stays as it is: check out a branch to reset")
        if force or self.has_head_changes:
            writer.restart()

    def _check_whole(self) -> None:
        self._check_several()
        if self._group or self.is_view:
            raise UnsupportedError("versions are the whole dataset's: ask it, not a selection of rows or a group")

    def _versioning(self) -> Writer:
        """The writer, for what concerns the whole version."""
        self._check_whole()
        if self._writer is None:
            raise ReadOnlyError(f"{self.path} was opened for reading; load it with read_only=False")
        return self._writer


def _details(node: Commit) -> dict[str, Any]:
    return {"commit": node.id, "author": node.user, "time": node.when, "message": node.message}
