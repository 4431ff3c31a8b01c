from __future__ import annotations

import sys
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter

from deeplake_nb import magics
from deeplake_nb.magics.commands import VERBS
from deeplake_nb.magics.complete import complete


def texts(line, variables=None, after=""):
    return [text for text, _ in complete(line, variables or {}, after)[1]]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (
            "",
            [
                "load",
                "show",
                "ls",
                "explain",
                "doctor",
                "connect",
                "storage",
                "new",
                "link",
                "creds",
                "signin",
                "signout",
                "search",
                "cors",
                "help",
                "why",
            ],
        ),
        ("lo", ["load"]),
        ("l", ["load", "ls", "link"]),
        ("xyz", []),
        (
            "help ",
            [
                "load",
                "show",
                "ls",
                "explain",
                "doctor",
                "connect",
                "storage",
                "new",
                "link",
                "creds",
                "signin",
                "signout",
                "search",
                "cors",
                "help",
                "why",
            ],
        ),
        ("help s", ["show", "storage", "signin", "signout", "search"]),
        ("creds ", ["add", "test", "rotate", "rename", "delete", "--org", "--code"]),
        ("creds re", ["rename"]),
        ("load ./x ", ["as", "--branch", "--read-only", "--code"]),
        ("load ./x -", ["--as", "--branch", "--read-only", "--code"]),
        ("load ./x --b", ["--branch"]),
        ("load ./x --branch ", []),
        ("load ./x --branch main ", ["as", "--read-only", "--code"]),
        ("load ./x a", ["as"]),
        ("load ./my-cars as ", ["my_cars"]),
        ("load s3://bucket/deep/cars@dev as ", ["cars"]),
        ("load s3://bucket/deep/cars as ca", ["cars"]),
        ("load s3://bucket/deep/cars as x", []),
        ("load ./x extra ", []),
        ("load ./x --nope ", []),
        ("laod ./", []),
        ("load s3://bu", []),
        ("load hub://", []),
        ("ls s3://", []),
        ("why ", []),
    ],
)
def test_words_are_offered_where_they_may_stand(line, offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert texts(line) == offered


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("load ", ["cars", "'my photos'", "raw/"]),
        ("load c", ["cars"]),
        ("load ./", ["./cars", "'./my photos'", "./raw/"]),
        ("load ./ra", ["./raw/"]),
        ("load ./raw/", ["./raw/deep/"]),
        ("load my", ["'my photos'"]),
        ("load 'my", ["'my photos'"]),
        ('load "my ph', ["'my photos'"]),
        ("load './my photos'/lab", ["'./my photos/labels/'"]),
        ("load .", [".hidden/"]),
        ("ls ", ["cars", "'my photos'", "raw/", "--code"]),
        ("load nope/", []),
        ("load notes.txt/", []),
    ],
)
def test_local_folders(here, line, offered):
    assert texts(line) == offered


def test_a_folder_says_what_it_is_and_what_it_replaces(here):
    fragment, found = complete("load './my", {})
    assert fragment == "'./my"
    assert found == [("'./my photos'", "dataset")]
    assert complete("load ra", {}) == ("ra", [("raw/", "folder")])


def test_a_quote_that_the_editor_closed_is_not_closed_twice(here):
    assert texts("load 'my", after="'") == ["'my photos"]


def test_home_and_absolute_paths(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    assert texts("load ~/c") == ["~/cars"]
    assert texts(f"load {here}/c") == [f"{here}/cars"]
    assert texts("load ~nobody-of-this-name/x") == []


def test_dataset_variables_and_their_tensors(shell, here):
    shell.value("%lake load ./cars as cars;")
    shell.user_ns |= {"number": 3, "_cars": shell.user_ns["cars"]}
    assert texts("show ", shell.user_ns) == ["cars"]
    assert texts("show n", shell.user_ns) == []
    assert texts("show cars --tensor ", shell.user_ns) == ["labels", "x"]
    assert texts("show cars[1:2] --tensor l", shell.user_ns) == ["labels"]
    assert texts("show number --tensor ", shell.user_ns) == []
    assert complete("show cars --tensor=la", shell.user_ns) == ("la", [("labels", "tensor")])


def test_completing_imports_nothing_of_the_library(here, monkeypatch):
    monkeypatch.delitem(sys.modules, "deeplake_nb.dataset.dataset", raising=False)
    assert texts("show ", {"cars": 1}) == []
    assert "deeplake_nb.dataset.dataset" not in sys.modules


def test_completing_opens_no_socket_runs_no_program_and_reads_no_file(here, shell):
    """For every verb, with datasets among the variables; IPython around it reads its own files only."""
    shell.value("%lake load ./cars as cars;")
    events = []
    watched = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "urllib.", "open")
    is_watched = True

    def note(event, arguments):
        if is_watched and event.startswith(watched):
            events.append((event, str(arguments[0])))

    sys.addaudithook(note)
    lines = [
        f"{verb} {rest}"
        for verb in VERBS
        for rest in ("", "s3://bucket/", "hub://me/", "gcs://b/x --", "cars ", "cars[0] --tensor ", "./", "~/.aws/")
    ]
    for line in lines:
        complete(line, shell.user_ns)
    assert events == []
    for line in lines:
        offered(shell, f"%lake {line}|")
    assert [event for event in events if event[0] != "open"] == []
    Path("/dev/null").read_bytes()
    is_watched = False
    assert events[-1] == ("open", "/dev/null"), "the watch works"


def offered(shell, cell):
    """What the shell offers at ``|``: each as the cell would read after it was taken."""
    code, after = cell.split("|")
    with provisionalcompleter():
        found = list(shell.Completer.completions(code + after, len(code)))
    return [(code + after)[: c.start] + c.text + (code + after)[c.end :] for c in found], found


@pytest.mark.parametrize(
    ("cell", "taken"),
    [
        ("%lake lo|", ["%lake load"]),
        ("%lake load ./c|", ["%lake load ./cars"]),
        ("%lake load ./my|", ["%lake load './my photos'"]),
        ("%lake load './my ph|", ["%lake load './my photos'"]),
        ("%lake load './my ph|'", ["%lake load './my photos'"]),
        ("x = %lake load ./c|", ["x = %lake load ./cars"]),
        ("a.b, c = %lake load ./c|", ["a.b, c = %lake load ./cars"]),
        ("import os\n  %lake load ./c| as c\nos.x", ["import os\n  %lake load ./cars as c\nos.x"]),
        ("%lake load s3://bu|", ["%lake load s3://bu"]),
        ("%lake load ./cars --r|", ["%lake load ./cars --read-only"]),
    ],
)
def test_the_shell_offers_ours_and_nothing_else(shell, here, cell, taken):
    assert offered(shell, cell)[0] == taken


def test_kinds_reach_the_front_end(shell, here):
    assert {c.text: c.type for c in offered(shell, "%lake load |")[1]} == {
        "cars": "dataset",
        "'my photos'": "dataset",
        "raw/": "folder",
    }


@pytest.mark.parametrize("cell", ["imp|", "x = '%lake lo|", "print(%lake lo|", "%lak|"])
def test_other_lines_are_left_to_the_others(shell, here, cell):
    assert all(c.type not in {"verb", "dataset", "folder"} for c in offered(shell, cell)[1])


def test_unregistering_leaves_nothing_behind(bare_shell):
    matchers = list(bare_shell.Completer.custom_matchers)
    line_magics = set(bare_shell.magics_manager.magics["line"])
    registry = set(bare_shell.magics_manager.registry)
    magics.register(bare_shell)
    assert bare_shell.find_line_magic("lake")
    magics.unregister(bare_shell)
    assert bare_shell.Completer.custom_matchers == matchers
    assert set(bare_shell.magics_manager.magics["line"]) == line_magics
    assert set(bare_shell.magics_manager.registry) == registry
    assert "%lake" not in {c.text for c in offered(bare_shell, "%lak|")[1]}
