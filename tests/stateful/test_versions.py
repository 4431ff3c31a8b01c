"""Versions of a dataset against plain Python: branches, commits, merges, resets, and a storage that fails anywhere.

Rows are pairs of a number that stays theirs and a value. Whatever fails, the dataset that is opened anew is as it was
before or as it should be after, and a merge that broke off is forgotten by a reset.
"""

from __future__ import annotations

import os
from concurrent import futures
from contextlib import suppress
from copy import deepcopy
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from deeplake_nb.errors import ReadOnlyError, StorageError
from tests.dataset.lineage import Node
from tests.dataset.stores import Dying, Failing, Inline, Killed, create, load, memory
from tests.eventually import collected

VALUES = st.integers(-9, 9)
FAILS = st.none() | st.tuples(st.sampled_from(["fails", "scatters", "kills"]), st.integers(1, 40))
"""At which put from now on the storage fails, for good; or at which change the process is killed."""
POOL = futures.ThreadPoolExecutor
ENDS = (StorageError, Killed)


class VersionsMachine(RuleBasedStateMachine):
    @initialize(concurrency=st.sampled_from([1, 8]))
    def begin(self, concurrency):
        futures.ThreadPoolExecutor = Inline
        self.dying = Dying(memory())
        self.store = Failing(self.dying, concurrency)
        self.ds = create(self.store)
        self.numbers = count()
        self.names = count()
        self.branch = "main"
        self.heads = {"main": Node(None, {})}
        self.closed: dict[str, Node] = {}
        self.merged: set[str] = set()  # branches whose chunks others may have
        for name in ("x", "y"):
            self.ds.create_tensor(name, dtype="int64")
            self.head.tensors[name] = []

    @property
    def head(self):
        return self.heads[self.branch]

    # ---------------------------------------------------------------- what is there, and what should be

    def read(self, ds=None):
        ds = self.ds if ds is None else ds
        return {name: tensor.numpy().reshape(-1).tolist() for name, tensor in ds.tensors.items()}

    def arm(self, fails):
        """Let what follows end in the middle."""
        if fails is not None:
            how, at = fails
            if how == "kills":
                self.dying.kill_at(at)
            else:
                self.store.fail_at(at, for_good=True, scattered=how == "scatters")

    def disarm(self):
        self.store.countdown = self.dying.left = None

    def reopen(self):
        self.disarm()
        self.ds = None
        collected()
        self.ds = load(self.store, address=self.branch)

    def attempt(self, fails, work, after):
        """Do something that is done or not; ``after`` is how the head is then."""
        before = deepcopy(self.head)
        self.arm(fails)
        try:
            work()
        except ENDS:
            ended = True
        else:
            ended = False
        if ended:  # outside the handler, which holds what was under way
            self.reopen()
            found = self.read()
            assert found in (before.values(), after.values()), "half of it"
            after = after if found == after.values() else before
        self.disarm()
        self.head.tensors, self.head.updated, self.head.removed = after.tensors, after.updated, after.removed

    def changed(self):
        """The head, to be changed in the model."""
        return deepcopy(self.head)

    def pick(self, data, need=0):
        names = [name for name, rows in sorted(self.head.tensors.items()) if len(rows) >= need]
        return data.draw(st.sampled_from(names), label="tensor") if names else None

    def others(self):
        """Branches but the one that is checked out; by age, as some have names that chance made."""
        return [name for name in self.heads if name != self.branch]

    has_rows = precondition(lambda self: any(self.head.tensors.values()))
    has_tensors = precondition(lambda self: bool(self.head.tensors))

    # ---------------------------------------------------------------- rows

    @has_tensors
    @rule(data=st.data(), values=st.lists(VALUES, min_size=1, max_size=4), fails=FAILS)
    def extend(self, data, values, fails):
        name, after = self.pick(data), self.changed()
        after.tensors[name] += [(next(self.numbers), value) for value in values]
        self.attempt(fails, lambda: self.ds[name].extend(values), after)

    @has_tensors
    @rule(value=VALUES, fails=FAILS)
    def append_to_all(self, value, fails):
        if len({len(rows) for rows in self.head.tensors.values()}) > 1:
            return
        after = self.changed()
        for rows in after.tensors.values():
            rows.append((next(self.numbers), value))
        self.attempt(fails, lambda: self.ds.append(dict.fromkeys(after.tensors, value)), after)

    @has_rows
    @rule(data=st.data(), value=VALUES, fails=FAILS)
    def update(self, data, value, fails):
        name, after = self.pick(data, 1), self.changed()
        at = data.draw(st.integers(0, len(after.tensors[name]) - 1), label="row")
        after.replace(name, at, value)

        def work():
            self.ds[name][at] = value

        self.attempt(fails, work, after)

    @has_rows
    @rule(data=st.data(), fails=FAILS)
    def pop(self, data, fails):
        name, after = self.pick(data, 1), self.changed()
        at = data.draw(st.integers(0, len(after.tensors[name]) - 1), label="row")
        after.remove(name, at)
        self.attempt(fails, lambda: self.ds[name].pop(at), after)

    # ---------------------------------------------------------------- tensors

    @precondition(lambda self: len(self.head.tensors) < 4)
    @rule(fails=FAILS)
    def create_tensor(self, fails):
        name, after = f"t{next(self.names)}", self.changed()
        after.tensors[name] = []
        self.attempt(fails, lambda: self.ds.create_tensor(name, dtype="int64"), after)

    @has_tensors
    @rule(data=st.data(), fails=FAILS)
    def rename_tensor(self, data, fails):
        old, new, after = self.pick(data), f"t{next(self.names)}", self.changed()
        after.tensors = {new if name == old else name: rows for name, rows in after.tensors.items()}
        after.updated.pop(old, None)
        self.attempt(fails, lambda: self.ds.rename_tensor(old, new), after)

    @precondition(lambda self: len(self.head.tensors) > 1)
    @rule(data=st.data(), fails=FAILS)
    def delete_tensor(self, data, fails):
        name, after = self.pick(data), self.changed()
        del after.tensors[name]
        self.attempt(fails, lambda: self.ds.delete_tensor(name), after)

    # ---------------------------------------------------------------- versions

    def close(self, branch, commit):
        """The model of a commit: its head goes on."""
        node = self.heads[branch]
        node.commit, self.closed[commit] = commit, node
        self.heads[branch] = node.head()

    def take_commits(self, branch):
        """After a failure: what was committed on a branch all the same."""
        ds = load(self.store, address=branch, read_only=True)
        if ds.commit_id != (self.heads[branch].parent.commit if self.heads[branch].parent else None):
            self.close(branch, ds.commit_id)

    @rule(fails=FAILS)
    def commit(self, fails):
        self.arm(fails)
        commit = None
        with suppress(*ENDS):
            commit = self.ds.commit(allow_empty=True)
        if commit is None:
            self.reopen()
            self.take_commits(self.branch)
        else:
            self.disarm()
            self.close(self.branch, commit)

    @precondition(lambda self: len(self.heads) < 4)
    @rule(fails=FAILS)
    def branch_off(self, fails):
        name, start = f"b{next(self.names)}", self.branch
        self.arm(fails)
        with suppress(*ENDS):
            self.ds.checkout(name, create=True)
        self.reopen()
        tree = load(self.store, address=start, read_only=True)._state.tree
        self.take_commits(start)
        if name in tree.branches:
            self.heads[name] = self.heads[start].parent.head(name)
            self.branch = name
        self.reopen()

    @precondition(lambda self: len(self.heads) > 1)
    @rule(data=st.data(), fails=FAILS)
    def delete_branch(self, data, fails):
        name = data.draw(st.sampled_from(self.others()), label="branch")
        rests = [
            node
            for branch, head in self.heads.items()
            for node in head.ancestry()
            if branch != name and node.branch == name
        ]
        self.arm(fails)
        refused = None
        with suppress(*ENDS):
            try:
                self.ds.delete_branch(name)
            except ReadOnlyError as error:
                refused = str(error)
        self.reopen()
        is_there = name in load(self.store, read_only=True)._state.tree.branches
        if refused is not None:
            reason = "is the main one" if name == "main" else "starts on it" if rests else "it was merged"
            assert reason in refused
            assert is_there
            assert reason != "it was merged" or name in self.merged
        if not is_there:
            assert name != "main"
            assert not rests
            del self.heads[name]
            self.closed = {commit: node for commit, node in self.closed.items() if node.branch != name}
        else:
            assert refused is not None or fails is not None

    @rule(data=st.data())
    def checkout(self, data):
        self.branch = data.draw(st.sampled_from(list(self.heads)), label="branch")
        self.ds.checkout(self.branch)

    @precondition(lambda self: self.closed and len(self.heads) < 4)
    @rule(data=st.data(), value=VALUES)
    def change_a_closed_commit(self, data, value):
        commit = data.draw(st.sampled_from(list(self.closed)), label="commit")
        node = self.closed[commit]
        self.ds.checkout(commit)
        assert self.read() == node.values()
        if not node.tensors:
            self.ds.checkout(self.branch)
            return
        name = min(node.tensors)
        self.ds[name].append(value)
        self.branch = self.ds.branch
        self.heads[self.branch] = node.head(self.branch)
        self.head.tensors[name].append((next(self.numbers), value))

    @rule(fails=FAILS)
    def reset(self, fails):
        parent = self.head.parent
        tensors = deepcopy(parent.tensors) if parent else {}
        self.attempt(fails, lambda: self.ds.reset(force=True), Node(parent, tensors, self.branch))

    @precondition(lambda self: len(self.heads) > 1)
    @rule(data=st.data(), whose=st.sampled_from(["ours", "theirs"]), fails=FAILS)
    def merge(self, data, whose, fails):
        other = data.draw(st.sampled_from(self.others()), label="from")
        ours, theirs = self.head, self.heads[other]
        base = ours.base(theirs)
        keys = [{tensor.key for tensor in load(self.store, address=at, read_only=True).tensors.values()}
                for at in (self.branch, other)]  # fmt: skip
        if base is None or not set(ours.tensors) == set(theirs.tensors) == set(base.tensors) or keys[0] != keys[1]:
            return  # what becomes of tensors is tested elsewhere
        self.commit(None)
        ours = self.head
        self.merged.add(other)
        self.arm(fails)
        ended = True
        with suppress(*ENDS):
            self.ds.merge(other, conflict_resolution=whose)
            ended = False
        if ended:
            self.reopen()
            self.take_commits(other)
            if self.ds.commit_id == ours.parent.commit:
                self.ds.reset(force=True)
                assert self.read() == ours.parent.values(), "forgotten"
                return
        self.disarm()
        self.take_commits(other)
        theirs = self.heads[other].parent
        if theirs is base or theirs in list(ours.ancestry()):
            assert self.read() == ours.values()
            return
        ours.join(theirs, whose)
        self.close(self.branch, self.ds.commit_id)

    # ---------------------------------------------------------------- what always holds

    @rule()
    def die(self):
        self.reopen()

    @invariant()
    def the_head_is_as_it_should_be(self):
        assert self.read() == self.head.values()

    def teardown(self):
        futures.ThreadPoolExecutor = POOL
        if not hasattr(self, "ds"):
            return
        self.disarm()
        self.ds.close()
        for name, node in self.heads.items():
            assert self.read(load(self.store, address=name, read_only=True)) == node.values(), name
        for commit, node in self.closed.items():
            assert self.read(load(self.store, address=commit, read_only=True)) == node.values(), commit
        self.ds = None


is_long = os.environ.get("HYPOTHESIS_PROFILE") == "slow"
VersionsMachine.TestCase.settings = settings(
    max_examples=500 if is_long else 15, stateful_step_count=60 if is_long else 20, deadline=None
)
TestVersions = VersionsMachine.TestCase
