"""What ``--code`` prints, run in a shell of its own, does what the line does: for every verb."""

from __future__ import annotations

import re

import pytest

import deeplake_nb
from deeplake_nb.errors import CommandError, LakeError
from deeplake_nb.magics.command import Call
from deeplake_nb.magics.commands import VERBS

LINES = [
    "load ./cars",
    "load './my photos' --branch main --read-only as photos",
    "load './a {b} c'",
    "load ./none",
    "show photos[1:3] --tensor labels",
    "ls",
    "ls './my photos'",
    "ls hub://",
    "ls hub://me",
    "explain s3://bucket/x",
    "doctor ./raw",
    "connect ./cars hub://me/autos",
    "connect photos hub://me",
    "connect photos hub://me/x --key none",
    "connect",
    "connect photos",
    "connect ./cars",
    "storage",
    "storage me",
    "new ./made",
    "new ./made as made",
    "link photos ./raw",
    "creds",
    "creds --org me",
    "creds add s3://bucket/x",
    "creds add --org me",
    "creds test me/files",
    "creds rotate files",
    "creds rename nobody",
    "creds delete me/files",
    "signin gcs://bucket",
    "signin s3://bucket",
    "signout",
    "search docs 'a cat' --k 2",
    "cors s3://bucket",
    "cors ./cars --origin https://lab.example.org",
]


@pytest.fixture
def world(here, tmp_path_factory, monkeypatch):
    """A function that makes the same hub, keys and datasets anew."""
    monkeypatch.setattr("sys.stdin", None)
    deeplake_nb.empty(here / "a {b} c").close()

    def make():
        monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path_factory.mktemp("data")))
        deeplake_nb.empty("hub://me/there").close()
        fields = {"token": "t" * 30}
        deeplake_nb.hub().add_key("me", "files", "http-token", fields, prefixes=["http://127.0.0.1:9/x"])
        docs = deeplake_nb.VectorStore("mem://docs", embedding_function=letters)
        docs.verbose = False
        docs.add(text=["a", "two", "three"], metadata=[{}] * 3, embedding_data=["a", "two", "three"])
        return {"photos": deeplake_nb.load(here / "my photos"), "docs": docs}

    return make


def letters(texts):
    """An embedding function, for lists of texts and for one."""
    return [[len(one), 1] for one in ([texts] if isinstance(texts, str) else texts)]


def came_of(shell, cell, variables, capsys):
    """The value, what was printed, and the error of a cell."""
    shell.user_ns |= variables
    capsys.readouterr()
    outcome = shell.run_cell(cell)
    error = outcome.error_before_exec or outcome.error_in_exec
    assert error is None or isinstance(error, LakeError), error
    value = repr(outcome.result) if error is None else f"{type(error).__name__}: {error}"
    printed = "" if error is not None else re.sub(r"Out\[.*", "", capsys.readouterr().out, flags=re.DOTALL)
    value = re.sub(r"/data\d+/|\d\d:\d\d|doctor-\w+", "", value)
    return value, printed, repr(shell.user_ns.get("photos"))


@pytest.mark.parametrize("line", LINES)
def test_the_printed_cell_does_what_the_line_does(shell, world, capsys, line):
    variables = world()
    shell.user_ns |= variables
    shell.value(f"%lake {line} --code")
    script = capsys.readouterr().out
    by_line = came_of(shell, f"%lake {line}", variables, capsys)
    by_code = came_of(shell, script, world(), capsys)
    if " as photos" in line:  # an assignment has no value
        by_code = (by_code[2], *by_code[1:])
    if line == "signout":  # the line says in words how many there were
        by_line = ("0", "", by_line[2])
    assert by_code == by_line


def test_every_verb_that_equals_a_call_is_among_them():
    assert {line.split()[0] for line in LINES} == {verb for verb, command in VERBS.items() if issubclass(command, Call)}


def test_an_expression_that_is_none_has_no_code(shell):
    with pytest.raises(CommandError, match="is no Python"):
        shell.value("%lake show ./cars --code")
