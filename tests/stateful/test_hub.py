"""A hub and a dictionary are given the same names in the same order, and mean the same by them."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from deeplake_nb.errors import DatasetExistsError, DatasetNotFoundError
from deeplake_nb.hub.embedded import EmbeddedHub

NAMES = st.sampled_from(["a", "b", "c", "B"])
PLACES = st.sampled_from(["s3://x/1", "s3://x/2"])


class HubMachine(RuleBasedStateMachine):
    """``now`` has the place of each name, ``before`` the present name behind each former one."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.hub = EmbeddedHub(self.folder, environ={})
        self.hub.create_org("o")
        self.now, self.before, self.all_places = {}, {}, set()

    def teardown(self):
        self.hub.close()
        shutil.rmtree(self.folder)

    def meaning(self, name):
        return name if name in self.now else self.before.get(name)

    def enter(self, name, url):
        self.before.pop(name, None)
        self.now[name] = url

    @rule(name=NAMES)
    def create(self, name):
        made = self.hub.create("o", name)
        if self.meaning(name) is None:
            assert made.url not in self.all_places
            self.all_places.add(made.url)
            self.enter(name, made.url)
        assert (made.name, made.url) == (self.meaning(name), self.now[self.meaning(name)])

    @rule(name=NAMES)
    def begin_anew(self, name):
        there = self.hub.resolve("o", name, "w", anew=True)
        assert there.is_new is (name not in self.now)
        if not there.is_new:
            assert there.url == self.now[name]
            return
        assert there.url not in self.now.values()
        assert self.hub.create("o", name).url == there.url
        self.all_places.add(there.url)
        self.enter(name, there.url)

    @rule(name=NAMES, url=PLACES)
    def connect(self, name, url):
        if self.now.get(name, url) != url:
            with pytest.raises(DatasetExistsError):
                self.hub.connect(url, "o", name)
            return
        assert self.hub.connect(url, "o", name).url == url
        self.enter(name, url)

    @rule(name=NAMES, new_name=NAMES)
    def rename(self, name, new_name):
        meant = self.meaning(name)
        if meant is None:
            with pytest.raises(DatasetNotFoundError):
                self.hub.rename("o", name, new_name)
        elif new_name in self.now and new_name != meant:
            with pytest.raises(DatasetExistsError):
                self.hub.rename("o", name, new_name)
        else:
            assert self.hub.rename("o", name, new_name).url == self.now[meant]
            if new_name != meant:
                self.enter(new_name, self.now.pop(meant))
                self.before = {old: new_name if to == meant else to for old, to in self.before.items()}
                self.before[meant] = new_name

    @rule(name=NAMES)
    def delete(self, name):
        meant = self.meaning(name)
        if meant is None:
            with pytest.raises(DatasetNotFoundError):
                self.hub.delete("o", name)
            return
        self.hub.delete("o", name)
        self.all_places.discard(self.now.pop(meant))
        self.before = {old: to for old, to in self.before.items() if to != meant}

    @rule()
    def open_again(self):
        self.hub.close()
        self.hub = EmbeddedHub(self.folder, environ={})

    @invariant()
    def names_mean_the_same(self):
        for name in ("a", "b", "c", "B"):
            there = self.hub.resolve("o", name)
            meant = self.meaning(name)
            assert there.is_new is (meant is None)
            if meant is not None:
                assert (there.name, there.url) == (meant, self.now[meant])
        entries = self.hub.datasets("o").entries
        assert [(entry.name, entry.url) for entry in entries] == sorted(self.now.items())


is_long = os.environ.get("HYPOTHESIS_PROFILE") == "slow"
HubMachine.TestCase.settings = settings(
    max_examples=300 if is_long else 10, stateful_step_count=50 if is_long else 20, deadline=None
)
TestHub = HubMachine.TestCase
