"""``%lake creds``, ``signin`` and ``signout`` in a shell, a terminal and a notebook nobody looks at."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import deeplake_nb
from deeplake_nb.errors import CommandError, CredentialsError
from deeplake_nb.magics.commands import Creds, SignIn
from deeplake_nb.magics.grammar import parse


@pytest.fixture(autouse=True)
def own_hub(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path / "data"))


def test_the_table_is_a_value_where_there_is_no_page(shell):
    deeplake_nb.hub().add_key("me", "files", "http-token", {"token": "t" * 20 + "TAIL"}, prefixes=["https://h/x"])
    table = shell.value("%lake creds")
    assert re.search(
        r"me/files +Web server token +Bearer token …TAIL +https://h/x +nothing yet +never +never", repr(table)
    )
    assert "<td>Bearer token …TAIL</td>" in table._repr_html_()
    assert len(shell.value("%lake creds --org me")) == 1
    assert "deleted" in repr(shell.value("%lake creds delete files"))
    assert repr(shell.value("%lake creds --org me")).startswith("There are no keys yet")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("creds remove k", "did you mean 'rename'"),
        ("creds rotate", "say which key"),
        ("creds add s3://b --org", "needs --org ORG"),
        ("creds add aws_secret_access_key=abc", "looks like an AWS key"),
        ("creds add AKIAIOSFODNN7EXAMPLE", "the notebook and the history keep every line"),
        ("creds add --secret abc", "looks like a secret"),
        ("signin", "needs URL"),
    ],
)
def test_mistakes_say_what_is_meant(shell, line, says):
    with pytest.raises(CommandError, match=says):
        shell.value(f"%lake {line}")


@pytest.mark.parametrize(
    "line", ["creds", "creds add s3://b --org team", "creds test k", "signin gcs://b", "signout", "creds --org x"]
)
def test_the_code_is_a_call_that_compiles_and_names_what_there_is(line):
    code = parse(line).python
    compile(code, "<code>", "eval")
    name = code.partition("(")[0]
    value = deeplake_nb
    for part in name.split(".")[1:]:
        try:
            value = getattr(value, part)
        except AttributeError:
            __import__(f"deeplake_nb.widgets.{part}")
            value = getattr(value, part)
    assert callable(value)
    assert isinstance(parse("creds"), Creds)
    assert isinstance(parse("signin gcs://b"), SignIn)


def test_signin_is_for_google_and_signout_counts(shell, capsys):
    with pytest.raises(CredentialsError, match="no place of Google's"):
        shell.value("%lake signin s3://b")
    shell.value("%lake signout")
    assert "forgot 0 sign-ins" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["creds add s3://bucket", "signin gcs://bucket"])
def test_an_executed_notebook_fails_at_once_and_says_what_to_set(tmp_path, line):
    cells = [nbformat.v4.new_code_cell(cell) for cell in ("%load_ext deeplake_nb", f"%lake {line}")]
    nb = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    with pytest.raises(CellExecutionError, match="nobody can answer here: set "):
        NotebookClient(nb, timeout=60, resources={"metadata": {"path": tmp_path}}).execute()


def test_a_terminal_asks(tmp_path):
    """A real IPython on a real pseudo-terminal: the secret is not echoed."""
    ours, theirs = pty.openpty()
    code = "%load_ext deeplake_nb\n%lake creds add https://files.example/data\n%lake creds"
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", code]
    env = os.environ | {"TERM": "dumb", "IPYTHONDIR": str(tmp_path)}
    program = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=tmp_path)
    os.close(theirs)
    shown = ""
    try:
        for question, answer in (
            ("Place [https://files.example/data]: ", ""),
            ("Bearer token: ", "cAnArY-1234567890abcdef"),
            ("Keep [1]: ", ""),
            ("Test it first? [Y/n]: ", "n"),
        ):
            while question not in shown:
                shown += os.read(ours, 4096).decode()
            os.write(ours, f"{answer}\n".encode())
        while "with the kernel" not in shown:
            shown += os.read(ours, 4096).decode()
        assert program.wait(30) == 0
    finally:
        program.kill()
        program.wait(20)
        os.close(ours)
    assert "Kept for https://files.example/data in this session." in shown
    assert "cAnArY" not in shown
