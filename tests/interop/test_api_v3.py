"""Scripts of v3 run unchanged, with the same outcome; and no public name of the original is forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import deeplake_nb
from tests.interop.original import Original
from tests.interop.scripts import SCRIPTS

_NAMES = Path(__file__).with_name("names_v3.json")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The original with pandas beside it."""
    running = Original(tmp_path_factory.mktemp("api"), Path(__file__).with_name("api_peer.py"), ("pandas<3",))
    yield running
    running.close()


def plain(value):
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_sees_the_same_on_both(name, original, tmp_path, monkeypatch):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    expected = original.do("script", theirs, name=name)
    monkeypatch.chdir(ours)
    assert plain(SCRIPTS[name](deeplake_nb)) == expected


def test_the_list_of_names_is_what_the_original_has(original, tmp_path):
    assert json.loads(_NAMES.read_text()) == original.do("names", tmp_path)
