"""``%lake`` lines that name a hub."""

from __future__ import annotations

import re

import pytest

import deeplake_nb
from deeplake_nb.errors import CommandError, DatasetExistsError, MissingCredentialsError, UnsupportedError, UrlError
from deeplake_nb.magics.grammar import parse
from tests.fakes import moto


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


@pytest.fixture(scope="module")
def bucket():
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        yield {**moto.ADMIN, "endpoint_url": endpoint}


def test_cors_shows_and_changes_what_pages_may_read(shell, bucket, monkeypatch):
    for field, variable in (
        ("aws_access_key_id",) * 2,
        ("aws_secret_access_key",) * 2,
        ("endpoint_url", "aws_endpoint_url"),
    ):
        monkeypatch.setenv(variable.upper(), bucket[field])
    looked = shell.value("%lake cors s3://bucket")
    assert looked.rules == ()
    asked = shell.value("%lake cors s3://bucket --origin https://lab.example.org")
    assert asked.outcome == "missing"
    assert "put-bucket-cors" in asked.command
    assert shell.value("%lake cors s3://bucket").rules == (), "asking changes nothing"
    added = shell.value("%lake cors s3://bucket --origin https://lab.example.org --apply")
    assert added.outcome == "added"
    assert "https://lab.example.org" in repr(shell.value("%lake cors s3://bucket"))
    with pytest.raises(CommandError, match=r"--apply needs an --origin"):
        shell.value("%lake cors s3://bucket --apply")
    with pytest.raises(UrlError):
        shell.value("%lake cors s3://bucket --origin nonsense --apply")
    with pytest.raises(UnsupportedError):
        shell.value("%lake cors ./here")


def test_a_dataset_lets_pages_read_its_bucket(bucket):
    hub = deeplake_nb.hub()
    hub.create_org("team")
    hub.add_key("team", "k", "aws-keys", bucket)
    hub.set_default_storage("team", "s3://bucket/data", "k")
    ds = deeplake_nb.empty("hub://team/cars")
    assert ds.enable_cors("https://gallery.example").outcome == "added"
    assert ds.enable_cors("https://gallery.example").outcome == "there already"
    assert ds.enable_cors("https://other.example").outcome == "added"
    rules = moto.client(bucket["endpoint_url"]).get_bucket_cors(Bucket="bucket")["CORSRules"]
    allowed = {origin for rule in rules for origin in rule["AllowedOrigins"]}
    assert {"https://gallery.example", "https://other.example"} <= allowed
    with pytest.raises(UnsupportedError, match="rules for web pages"):
        deeplake_nb.empty("hub://me/local").enable_cors("https://gallery.example")
    ds.close()
