"""Credentials that nobody gave in the call: kept for this session, or managed by a hub, each for its places."""

from __future__ import annotations

import uuid

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.errors import CredentialsError, LakeError, UrlError
from deeplake_nb.hub.embedded import EmbeddedHub
from deeplake_nb.session import Session
from tests.fakes import moto

BAD = {"aws_access_key_id": "AKIAUNKNOWNUNKNOWN00", "aws_secret_access_key": "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"}


@pytest.fixture(scope="module")
def s3():
    with moto.closed("bucket", owner=moto.everything_in("bucket")) as users:
        yield users["owner"]


@pytest.fixture
def hub(tmp_path):
    hub = EmbeddedHub(tmp_path / "hub")
    yield hub
    hub.close()


@pytest.fixture
def lake(hub):
    return Session(hub=hub)


@pytest.fixture
def place():
    return f"s3://bucket/{uuid.uuid4().hex[:12]}"


def made(lake, place, **options):
    ds = lake.empty(place, **options)
    ds.create_tensor("x").extend(np.arange(3))
    ds.close()


def in_force(lake, place, **options):
    lines = [line for line in lake.explain(place, **options).lines if line.state == "in force"]
    return lines[0].name if lines else None


def test_what_is_kept_opens_the_places_below_and_no_others(lake, s3, place):
    lake.keep_creds(place, s3)
    made(lake, f"{place}/cars")
    assert lake.load(f"{place}/cars").x.numpy().ravel().tolist() == [0, 1, 2]
    assert in_force(lake, f"{place}/cars") == "session key"
    assert in_force(lake, f"{place}s") is None
    with pytest.raises(LakeError):
        lake.load("s3://bucket/other")
    assert lake.forget_creds(place) is True
    assert lake.forget_creds(place) is False
    assert in_force(lake, f"{place}/cars") is None


def test_the_nearest_key_counts(lake, s3, place):
    lake.keep_creds("s3://bucket", {**BAD, "endpoint_url": s3["endpoint_url"]})
    with pytest.raises(LakeError, match="session key"):
        lake.load(f"{place}/cars")
    lake.keep_creds(place, s3)
    made(lake, f"{place}/cars")


def test_the_order_is_argument_session_managed_environment(lake, hub, s3, place, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFROMENVIRONMENT0")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x" * 40)
    assert in_force(lake, place) == "environment"
    hub.create_org("org")
    hub.add_key("org", "k", "aws-keys", s3, prefixes=[place])
    assert in_force(Session(hub=hub), place) == "managed key"
    lake = Session(hub=hub)
    lake.keep_creds(place, s3)
    assert in_force(lake, place) == "session key"
    assert in_force(lake, place, creds=s3) == "argument"


def test_a_managed_key_opens_the_place_it_is_bound_to(lake, hub, s3, place):
    hub.create_org("org")
    hub.add_key("org", "k", "aws-keys", s3, prefixes=[place])
    made(lake, f"{place}/cars")
    assert len(Session(hub=hub).load(f"{place}/cars").x) == 3
    assert in_force(lake, f"{place}2/cars") is None


def test_a_managed_key_that_is_bound_to_nothing_is_used_by_its_name_only(lake, hub, s3, place):
    hub.create_org("org")
    hub.add_key("org", "k", "aws-keys", s3)
    assert in_force(lake, place) is None


def test_the_endpoint_of_a_key_is_not_the_environments(lake, s3, place, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    lake.keep_creds(place, s3)
    made(lake, f"{place}/cars")


def test_a_hub_that_is_away_stops_nobody_who_has_other_credentials(s3, place, monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_HUB", "http://127.0.0.1:9")
    monkeypatch.setenv("DEEPLAKE_NB_TOKEN", "dlnb_none")
    monkeypatch.setenv("DEEPLAKE_NB_ORG", "org")
    for name, value in s3.items():
        monkeypatch.setenv({"endpoint_url": "AWS_ENDPOINT_URL"}.get(name, name.upper()), value)
    made(Session(), f"{place}/cars")
    report = str(Session().explain(place))
    assert "127.0.0.1:9" in report
    assert in_force(Session(), place) == "environment"


def test_looking_for_keys_makes_no_hub(tmp_path, place, monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path / "data"))
    assert in_force(Session(), place) is None
    assert not (tmp_path / "data").exists()


def test_nothing_is_kept_that_could_not_be_used(lake):
    with pytest.raises(CredentialsError, match="aws_secret_access_key"):
        lake.keep_creds("s3://bucket", {"aws_access_key_id": "AKIA"})
    with pytest.raises(CredentialsError, match="needs no credentials"):
        lake.keep_creds("/data", {"token": "t"})
    with pytest.raises(CredentialsError, match="needs no credentials"):
        lake.keep_creds("s3://bucket", None)
    with pytest.raises(UrlError):
        lake.keep_creds("ftp://host", BAD)


def test_what_is_kept_is_shown_nowhere(lake, place, capsys):
    lake.keep_creds(place, BAD)
    shown = f"{lake!r} {lake.explain(place)} {vars(lake._places.keyring)}"
    assert BAD["aws_secret_access_key"] not in shown
    assert not capsys.readouterr().out


def test_the_module_keeps_for_the_default_session(place):
    deeplake_nb.keep_creds(place, BAD)
    assert in_force(deeplake_nb, place) == "session key"
    assert deeplake_nb.forget_creds(place)


class OnAServer(EmbeddedHub):
    """A hub of several organisations, of which one does not know who made one a member."""

    def __init__(self, folder):
        super().__init__(folder)
        self._core.url = "https://hub.example.org"


def test_on_a_server_the_user_says_whose_keys_are_meant(tmp_path, s3, place, monkeypatch):
    hub = OnAServer(tmp_path / "hub")
    assert hub.url == "https://hub.example.org"
    hub.create_org("evil")
    hub.add_key("evil", "k", "aws-keys", {**BAD, "endpoint_url": "http://127.0.0.1:9"}, prefixes=[place])
    hub.create_org("org")
    hub.add_key("org", "k", "aws-keys", s3, prefixes=["s3://bucket"])
    report = Session(hub=hub).explain(place)
    assert "say whose are meant, with org_id= or DEEPLAKE_NB_ORG" in str(report)
    made(Session(hub=hub), f"{place}/cars", org_id="org")
    monkeypatch.setenv("DEEPLAKE_NB_ORG", "org")
    assert len(Session(hub=hub).load(f"{place}/cars").x) == 3
    assert in_force(Session(hub=hub), place) == "managed key"
    hub.close()
