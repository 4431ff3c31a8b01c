from __future__ import annotations

import pickle
import re

import pytest

import deeplake_nb
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.errors import (
    CommandError,
    DatasetNotFoundError,
    ReadOnlyError,
    RowError,
    TensorNotFoundError,
    VersionNotFoundError,
)
from deeplake_nb.magics.commands import VERBS
from deeplake_nb.magics.lake import LakeMagics
from deeplake_nb.session import Session


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# ---------------------------------------------------------------------- load


def test_load_gives_the_dataset(shell, here):
    shell.value("ds = %lake load ./cars")
    ds = shell.user_ns["ds"]
    assert isinstance(ds, Dataset)
    assert ds.labels.data()["text"] == [["car"], ["bus"], ["bus"], ["car"]]


def test_load_as_binds_the_name_and_is_the_value_of_the_cell(shell, here):
    value = shell.value("%lake load './my photos' as photos")
    assert shell.user_ns["photos"] is value
    assert shell.user_ns["_"] is value
    assert len(value) == 4


def test_a_loaded_dataset_is_displayed_once(shell, here, capsys):
    shell.run_cell("%lake load ./cars as cars", store_history=True)
    out = capsys.readouterr().out
    assert out.count("Out[1]") == 1
    assert out.count(str(here / "cars")) == 1


def test_an_assigned_dataset_is_not_displayed(shell, here, capsys):
    shell.run_cell("x = %lake load ./cars", store_history=True)
    assert capsys.readouterr() == ("", "")


def test_a_semicolon_silences_what_has_a_name(shell, here, capsys):
    assert shell.value("%lake load ./cars as cars;") is None
    assert capsys.readouterr().out == ""
    assert len(shell.user_ns["cars"]) == 4


def test_a_semicolon_does_not_lose_what_has_none(shell, here):
    shell.value("x = %lake load ./cars;")
    assert len(shell.user_ns["x"]) == 4


@pytest.mark.parametrize("name", ["2024-cars", "007", "[odd", "a{b}c", "$HOME", "it's", "a b;", "größe"])
def test_odd_paths_are_taken_as_they_are(shell, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    deeplake_nb.empty(tmp_path / name).close()
    shell.user_ns["b"] = "expanded"
    written = f'"{name}"' if "'" in name else f"'{name}'" if " " in name else name
    assert shell.value(f"%lake load {written} as ds").url.name == name
    assert shell.user_ns["ds"].url.name == name


def test_read_only(shell, here):
    with pytest.raises(ReadOnlyError):
        shell.value("%lake load ./cars --read-only as cars\ncars.x.append(1.0)")
    assert shell.user_ns["cars"].read_only


def test_a_branch(shell, here):
    assert shell.value("%lake load ./cars --branch main").branch == "main"
    with pytest.raises(VersionNotFoundError):
        shell.value("%lake load ./cars --branch dev")


def test_load_inside_a_function(shell, here):
    shell.value("def f(place):\n    ds = %lake load ./cars\n    return len(ds)\nf(1)")
    assert shell.value("f(1)") == 4


def test_binding_a_global_inside_a_function(shell, here):
    shell.value("def f():\n    %lake load ./cars as cars\n    return len(cars)\nnumber = f()")
    assert shell.user_ns["number"] == 4


def test_a_local_variable_cannot_be_bound_and_the_line_says_what_can(shell, here):
    with pytest.raises(CommandError, match="write cars = %lake load"):
        shell.value("def f():\n    cars = 1\n    %lake load ./cars as cars\nf()")


def test_a_session_of_its_own(bare_shell, here):
    class Remembering(Session):
        def load(self, path, **options):
            self.asked = path, options
            return super().load(path, **options)

    session = Remembering()
    magics = LakeMagics(bare_shell, session)
    assert len(magics.lake("load ./cars --branch main --read-only")) == 4
    assert session.asked == ("./cars@main", {"read_only": True})


# ---------------------------------------------------------------------- show


def test_show_prints_the_summary_of_a_dataset_or_of_rows(shell, here, capsys):
    shell.value("%lake load ./cars as cars;")
    assert shell.value("%lake show cars") is None
    assert re.search(r"^4 rows", capsys.readouterr().out, re.MULTILINE)
    shell.value("%lake show cars[1:3] --tensor labels")
    assert re.search(r"^2 rows", capsys.readouterr().out, re.MULTILINE)


def test_show_prints_what_the_value_of_a_cell_prints(shell, here, capsys):
    shell.value("%lake load ./cars as cars;")
    shell.value("%lake show cars[[0, 2]]")
    shown = capsys.readouterr().out
    shell.value("cars[[0, 2]]")
    assert capsys.readouterr().out.partition(": ")[2] == shown  # after Out[3]


def test_show_finds_local_variables(shell, here, capsys):
    shell.value("import deeplake_nb\ndef f():\n    mine = deeplake_nb.load('cars')\n    %lake show mine[:3]\nf()")
    assert re.search(r"^3 rows", capsys.readouterr().out, re.MULTILINE)


# ---------------------------------------------------------------------- mistakes


MISTAKES = [
    ("%lake load ./nope", DatasetNotFoundError, "dataset-not-found: no dataset at /"),
    ("%lake load ./cars --branch dev", VersionNotFoundError, "version-not-found: "),
    ("%lake laod ./cars", CommandError, "command: %lake has no verb 'laod' (did you mean 'load'?)"),
    ("%lake load ./my photos", CommandError, "command: %lake load can't place 'photos'"),
    ("%lake load s3://b/c AKIAIOSFODNN7EXAMPLE", CommandError, "command: this line holds what looks like an AWS"),
    ("%lake load nosuch://x", ValueError, "url: unknown scheme 'nosuch://'"),
    ("%lake show nope", CommandError, "command: there is no variable 'nope'"),
    ("%lake show ./cars", CommandError, "command: './cars' names no dataset"),
    ("%lake show 3", CommandError, "command: 3 is of type int: %lake show takes a dataset"),
    ("import deeplake_nb\n%lake show deeplake_nb.load('cars') --tensor y", TensorNotFoundError, "tensor-not-found: "),
    ("import deeplake_nb\n%lake show deeplake_nb.load('cars')[9]", RowError, "row: "),
    ("x = %lake load ./nope", DatasetNotFoundError, "dataset-not-found: "),
]


@pytest.mark.parametrize(("cell", "kind", "line"), MISTAKES)
def test_a_mistake_is_one_line_and_fails_the_cell(shell, here, capsys, *, cell, kind, line):
    outcome = shell.run_cell(cell, store_history=True)
    assert isinstance(outcome.error_in_exec, kind)
    out, err = capsys.readouterr()
    assert err == ""
    assert plain(out).startswith(line)
    assert out.count("\n") == 1
    assert out.endswith("\n")


def test_cells_after_a_mistake_do_not_run_on(shell, here):
    shell.run_cell("%lake load ./nope\nreached = True")
    assert "reached" not in shell.user_ns


def stopped(*_, **__):
    raise KeyboardInterrupt


def interrupt_a_copy(shell, monkeypatch):
    monkeypatch.setattr("deeplake_nb.dataset.copies.transfer", stopped)
    shell.user_ns["deeplake"] = deeplake_nb
    shell.run_cell("deeplake.copy('./cars', './copied')")


def test_a_verb_that_is_stopped_says_so_in_one_line(shell, here, capsys, monkeypatch):
    monkeypatch.setattr(Session, "load", stopped)
    outcome = shell.run_cell("%lake load ./cars as cars\nreached = True")
    assert isinstance(outcome.error_in_exec, KeyboardInterrupt)
    assert plain(capsys.readouterr().out) == "interrupted: %lake load was stopped; run the cell again\n"
    assert "reached" not in shell.user_ns


def test_a_copy_that_is_interrupted_is_one_line(shell, here, capsys, monkeypatch):
    interrupt_a_copy(shell, monkeypatch)
    line = "KeyboardInterrupt: copy to .*/copied: interrupted; what is there already is kept: copying again goes on .*"
    assert re.fullmatch(line, plain(capsys.readouterr().out).strip())


def test_a_mistake_can_be_caught_by_its_type(shell, here, capsys):
    shell.user_ns["errors"] = deeplake_nb.errors
    shell.value("try:\n    %lake load ./nope\nexcept errors.DatasetNotFoundError as error:\n    caught = str(error)")
    assert f"no dataset at {here}/nope" in shell.user_ns["caught"]
    assert capsys.readouterr().out == ""


def test_why_prints_the_traceback_of_the_last_mistake(shell, here, capsys):
    shell.run_cell("%lake load ./nope")
    capsys.readouterr()
    shell.value("%lake why")
    out = plain(capsys.readouterr().out)
    assert "Traceback" in out
    assert "DatasetNotFoundError" in out
    assert "deeplake_nb/session" in out
    assert f"no dataset at {here}/nope" in out


def test_why_without_a_mistake(shell, capsys):
    shell.value("%lake why")
    assert capsys.readouterr().out == "no mistake so far\n"


def test_why_does_not_bring_up_an_older_mistake_after_an_error_of_another_kind(shell, here, capsys):
    shell.run_cell("%lake load ./nope")
    shell.run_cell("1/0")
    capsys.readouterr()
    shell.value("%lake why")
    out = capsys.readouterr().out
    assert out.startswith("the last error was ZeroDivisionError: division by zero: not one of ours, and its traceback ")
    assert out.count("\n") == 1
    shell.run_cell("if")
    capsys.readouterr()
    shell.value("%lake why")
    assert "the last error was SyntaxError: invalid syntax" in capsys.readouterr().out


def test_why_shows_where_a_job_was_interrupted(shell, here, capsys, monkeypatch):
    interrupt_a_copy(shell, monkeypatch)
    capsys.readouterr()
    shell.value("%lake why")
    assert "deeplake_nb/dataset/copies.py" in plain(capsys.readouterr().out)


def test_why_does_not_repeat_a_refused_secret(shell, capsys):
    shell.run_cell("%lake load s3://b/c AKIAIOSFODNN7EXAMPLE")
    shell.value("%lake why")
    assert "AKIA" not in capsys.readouterr().out


def test_a_mistake_can_still_be_pickled(shell, here):
    outcome = shell.run_cell("%lake load ./nope")
    assert str(pickle.loads(pickle.dumps(outcome.error_in_exec))) == str(outcome.error_in_exec)


def test_a_bug_is_not_swallowed(bare_shell, capsys):
    class Broken(Session):
        def load(self, path, **options):
            raise ZeroDivisionError("a bug")

    bare_shell.register_magics(LakeMagics(bare_shell, Broken()))
    outcome = bare_shell.run_cell("%lake load ./cars")
    assert isinstance(outcome.error_in_exec, ZeroDivisionError)
    out = plain(capsys.readouterr().out)
    assert "Traceback" in out
    assert "ZeroDivisionError: a bug" in out


def test_an_error_of_the_users_expression_is_shown_as_python_shows_it(shell, here):
    shell.value("%lake load ./cars as cars;")
    with pytest.raises(TypeError):
        shell.value("%lake show cars + 1")


# ---------------------------------------------------------------------- ls, help, code


def test_ls_marks_datasets(shell, here):
    found = shell.value("%lake ls")
    assert [(item.name, item.kind, item.nbytes) for item in found] == [
        ("cars/", "dataset", None),
        ("my photos/", "dataset", None),
        ("notes.txt", "file", 1234),
        ("raw/", "folder", None),
    ]
    assert len(found) == 4


def test_ls_prints_a_table_once(shell, here, capsys):
    shell.run_cell("%lake ls", store_history=True)
    lines = capsys.readouterr().out.splitlines()
    assert sum("cars/" in line for line in lines) == 1
    assert [line.split() for line in lines[-4:]] == [
        ["dataset", "cars/"],
        ["dataset", "my", "photos/"],
        ["1.23", "kB", "notes.txt"],
        ["folder", "raw/"],
    ]


def test_ls_of_a_dataset_and_of_nothing(shell, here):
    assert repr(shell.value("%lake ls ./cars")).startswith(f"{here}/cars is a dataset: %lake load opens it\n")
    assert repr(shell.value("%lake ls ./nope")) == f"{here}/nope: nothing here"


@pytest.mark.parametrize("line", ["%lake", "%lake help", "%lake --help"])
def test_help_lists_the_verbs(shell, capsys, line):
    shell.value(line)
    out = capsys.readouterr().out
    assert all(f"%lake {verb}" in out for verb in VERBS)


def test_help_for_one_verb(shell, capsys):
    shell.value("%lake help load")
    first = capsys.readouterr().out
    shell.value("%lake load --help")
    assert capsys.readouterr().out == first
    assert first.startswith("%lake load URL [as NAME]")


def test_the_question_mark_shows_the_manual(shell):
    from deeplake_nb.magics.manual import overview

    assert shell.find_magic("lake").__doc__ == overview()
    assert "%lake load URL" in shell.inspector.info(shell.find_magic("lake"))["docstring"]


def test_code_prints_the_call_and_does_nothing(shell, here, capsys):
    assert shell.value("%lake load ./nope as cars --code") is None
    assert capsys.readouterr().out == "import deeplake_nb\ncars = deeplake_nb.load('./nope')\n"
    assert "cars" not in shell.user_ns


# ---------------------------------------------------------------------- a session, as it looks


def test_a_transcript(shell, here, capsys):
    session = [
        ("%lake load ./cars as cars;", ""),
        ("cars.labels[1].data()['text']", "Out[2]: ['bus']\n"),
        ("%lake ls ./raw", f"Out[3]: \n{here}/raw\n  folder  deep/\n"),
        ("%lake laod ./cars", "command: %lake has no verb 'laod' (did you mean 'load'?); %lake help lists them\n"),
        ("more = %lake load './my photos'", ""),
        ("len(cars), len(more)", "Out[6]: (4, 4)\n"),
        (
            "%lake load ./cars --branch main --read-only --code",
            "import deeplake_nb\ndeeplake_nb.load('./cars@main', read_only=True)\n",
        ),
    ]
    for cell, expected in session:
        shell.run_cell(cell, store_history=True)
        assert plain(capsys.readouterr().out) == expected
