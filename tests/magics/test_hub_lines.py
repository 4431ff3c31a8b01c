"""``%lake`` lines that name a hub."""

from __future__ import annotations

import re

import pytest

import deeplake_nb
from deeplake_nb.errors import CommandError, DatasetExistsError, MissingCredentialsError
from deeplake_nb.magics.grammar import parse


@pytest.fixture(autouse=True)
def own_hub(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path / "data"))


def test_a_dataset_of_a_hub_is_loaded_by_its_name(shell):
    deeplake_nb.empty("hub://me/cars").create_tensor("x").append(1)
    shell.value("%lake load hub://me/cars as cars;")
    assert shell.user_ns["cars"].path == "hub://me/cars"


def test_connect_gives_a_variable_a_name(shell, here):
    shell.value("%lake load ./cars as cars;")
    value = shell.value("%lake connect cars hub://me/autos")
    assert value is shell.user_ns["cars"]
    assert (value.path, len(deeplake_nb.load("hub://me/autos"))) == ("hub://me/autos", 4)


def test_connect_gives_a_path_a_name(shell, here):
    assert shell.value("%lake connect ./cars hub://me").path == "hub://me/cars"
    with pytest.raises(DatasetExistsError):
        shell.value("%lake connect './my photos' hub://me/cars")


def test_connect_by_a_managed_key(shell, here):
    shell.value("%lake load ./cars as cars;")
    with pytest.raises(MissingCredentialsError, match="team"):
        shell.value("%lake connect cars hub://me/cars --key team")
    assert shell.user_ns["cars"].path == str(here / "cars")


def test_a_key_has_a_name_and_is_not_written_out():
    assert parse("connect cars hub://me/cars --key team_bucket").key == "team_bucket"
    assert parse("connect cars hub://me/cars --key=team_bucket").key == "team_bucket"
    for line in (
        "connect cars hub://me/cars --key AKIAIOSFODNN7EXAMPLE",
        "connect cars hub://me/cars --key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "connect cars hub://me/cars --token x",
        "load hub://me/cars --key x",
    ):
        with pytest.raises(CommandError, match=r"looks like|has no option"):
            parse(line)


def test_connect_takes_a_dataset(shell, here):
    shell.user_ns["number"] = 5
    with pytest.raises(CommandError, match=r"number is of type int: %lake connect takes a dataset, or a path"):
        shell.value("%lake connect number hub://me/x")
    with pytest.raises(CommandError, match="there is no variable 'cars'"):
        shell.value("%lake connect cars hub://me/x")


def test_ls_lists_names_and_what_they_hold(shell, here):
    assert repr(shell.value("%lake ls hub://")) == "hub://: nothing here"
    for name in ("b", "a"):
        deeplake_nb.empty(f"hub://me/{name}")
    assert [item.name for item in shell.value("%lake ls hub://")] == ["me/"]
    listed = shell.value("%lake ls hub://me")
    assert [(item.name, item.kind) for item in listed] == [("a/", "dataset"), ("b/", "dataset")]
    assert re.search(r"^  dataset  a/$", repr(listed), re.MULTILINE)
    parts = shell.value("%lake ls hub://me/a")
    assert parts.is_dataset
    assert parts.url == "hub://me/a"


def test_explain_and_doctor(shell):
    deeplake_nb.empty("hub://me/cars")
    assert "a name of" in shell.value("%lake explain hub://me/cars")["hub"].said
    assert shell.value("%lake doctor hub://me/cars")
