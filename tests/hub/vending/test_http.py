"""Lending the token of a web server: for reading, to its own server, and never in the clear."""

from __future__ import annotations

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import CredentialsError, UnsupportedError
from deeplake_nb.hub import vending
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
from tests.fakes import canned

CANARY = "c4naryC4NARYc4naryC4NARY"
KEY = {"token": CANARY}


def test_a_token_is_lent_for_reading_and_opens_the_server():
    with canned.canned_server() as server:
        server.answers = [canned.Answer(200, b"stored")]
        url = parse(f"{server.endpoint}/files")
        found = vending.vend("http-token", KEY, url, "r")
        assert (found.creds, found.expires_at) == ({"token": Secret(CANARY)}, None)
        assert CANARY not in repr(found)
        storage = open_storage(url, credentials_from(url, found.creds, environ={}))
        assert bytes(storage.get("k")) == b"stored"
        [(method, path, headers)] = server.requests
        assert (method, path, headers["Authorization"]) == ("GET", "/files/k", f"Bearer {CANARY}")


@pytest.mark.parametrize("mode", ["a", "w"])
def test_web_servers_are_for_reading(mode):
    with pytest.raises(CredentialsError, match="ask for mode 'r'"):
        vending.vend("http-token", KEY, "https://host/files", mode)


def test_a_token_does_not_leave_https():
    with pytest.raises(CredentialsError, match="does not open http://host/files"):
        vending.vend("http-token", KEY, "http://host/files", "r")


def test_there_are_no_signed_addresses():
    with pytest.raises(UnsupportedError, match="web servers know no signed addresses") as caught:
        vending.presign("http-token", KEY, "https://host/files", "GET", "k")
    assert CANARY not in str(caught.value)
