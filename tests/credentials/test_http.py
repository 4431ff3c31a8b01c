"""The bearer token of a web server: to its own host, with what is right and with what is wrong."""

from __future__ import annotations

import logging

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import CredentialsError, ExpiredCredentialsError, PermissionDeniedError
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
from tests.fakes.web import redirect, send, web_server

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"
SECRET = "the-r1ght-one"


@pytest.fixture
def web():
    """A server with one file, for those who know the token."""
    with web_server() as web:

        def page(handler):
            right = handler.headers.get("Authorization") == f"Bearer {SECRET}"
            send(handler, 200 if right else 401, b"stored" if right else b"who?")

        web.pages["/data/k"] = page
        yield web


def opened(web, creds):
    url = parse(f"{web.endpoint}/data")
    return open_storage(url, credentials_from(url, creds, environ={}))


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_a_token(web, name):
    assert bytes(opened(web, {name: SECRET}).get("k")) == b"stored"
    assert bytes(opened(web, lambda: {name: SECRET, "expires_at": "2099-01-01"}).get("k")) == b"stored"


def test_a_bad_token_is_refused_and_never_shown(web, caplog):
    caplog.set_level(logging.DEBUG)
    for creds in ({"token": CANARY}, lambda: {"token": CANARY}, None):
        with pytest.raises(PermissionDeniedError) as caught:
            opened(web, creds).get("k")
        assert CANARY not in str(caught.value)
    assert CANARY not in caplog.text
    with pytest.raises(ExpiredCredentialsError, match="expired at 2020-01-01"):
        opened(web, {"token": SECRET, "expires_at": "2020-01-01"}).get("k")


def test_nobody_else_gets_the_token(web):
    with web_server() as other:
        other.files["k"] = b"elsewhere"
        web.pages["/data/away"] = redirect(f"{other.endpoint}/k")
        assert bytes(opened(web, {"token": SECRET}).get("away")) == b"elsewhere"
        assert "Authorization" in web.requests[-1][2]
        assert "Authorization" not in other.requests[-1][2]


def test_nothing_is_found_where_nothing_is_given(web, monkeypatch):
    assert credentials_from(parse(web.endpoint), environ={"TOKEN": CANARY}) is None


@pytest.mark.parametrize("creds", [CANARY, {"tokn": CANARY}, {"expires_at": "2099-01-01"}, {"token": 7}])
def test_what_cannot_be_a_token(web, creds):
    with pytest.raises(CredentialsError) as caught:
        opened(web, creds).get("k")
    assert CANARY not in str(caught.value)
