"""A dataset that one made and the other goes on with is the same as if one of them had done all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import deeplake_nb
from tests.interop.original import Original
from tests.interop.scripts import HANDED, STEPS


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    running = Original(tmp_path_factory.mktemp("handed"), Path(__file__).with_name("api_peer.py"), ("pandas<3",))
    yield running
    running.close()


@pytest.mark.parametrize("name", HANDED)
def test_who_makes_it_and_who_goes_on_makes_no_difference(name, original, tmp_path, monkeypatch):
    def theirs(script, folder):
        return original.do("script", folder, name=script)

    def ours(script, folder):
        with monkeypatch.context() as there:
            there.chdir(folder)
            return json.loads(json.dumps(STEPS[script](deeplake_nb)))

    seen = {}
    for who, (make, look) in {"3.9.52": (theirs, theirs), "to us": (theirs, ours), "from us": (ours, theirs)}.items():
        folder = tmp_path / who
        folder.mkdir()
        seen[who] = make(name, folder), look(HANDED[name], folder)
    assert seen["to us"] == seen["3.9.52"]
    assert seen["from us"] == seen["3.9.52"]
