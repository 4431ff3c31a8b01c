"""What is declared and read of Google's credentials; the ways to log in are tested beside the storage."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deeplake_nb.credentials import gcs_keys, transport
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.gcs import GcsCredentials
from deeplake_nb.credentials.provider import Secret, declarations, sealed
from deeplake_nb.errors import CredentialsError, MissingDependencyError
from deeplake_nb.urls import parse

CANARY = "c4naryC4NARY"


def found(creds=None, **environ):
    return credentials_from(parse("gcs://bucket/x"), creds, environ=environ)()


def test_each_field_is_declared_once():
    assert {name: (d.role, d.secret, d.env) for name, d in declarations(GcsCredentials).items()} == {
        "token": ("required", True, ()),
        "expires_at": ("optional", False, ()),
        "key_file": ("setting", False, ()),
        "user_project": ("setting", False, ("GOOGLE_CLOUD_QUOTA_PROJECT",)),
        "endpoint_url": ("setting", False, ("STORAGE_EMULATOR_HOST",)),
    }


def test_a_token_by_dictionary():
    answer = found({"token": CANARY, "expires_at": "2099-01-31T12:00:00Z", "user_project": "me"})
    assert answer.token.reveal() == CANARY
    assert answer.expires_at == datetime(2099, 1, 31, 12, tzinfo=UTC)
    assert (answer.user_project, answer.source, answer.account) == ("me", "argument", None)
    assert CANARY not in repr(answer)


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        ("localhost:9023", "http://localhost:9023"),
        ("http://localhost:9023/", "http://localhost:9023"),
        ("https://storage.example.com", "https://storage.example.com"),
    ],
)
def test_an_endpoint(written, endpoint):
    assert found({"token": "t"}, STORAGE_EMULATOR_HOST=written).endpoint_url == endpoint
    assert found({"token": "t", "endpoint_url": written}).endpoint_url == endpoint
    assert (
        found({"token": "t", "endpoint_url": "http://mine"}, STORAGE_EMULATOR_HOST=written).endpoint_url
        == "http://mine"
    )


@pytest.mark.parametrize("written", ["ftp://x", "http://me:pw@host", "http://"])
def test_an_endpoint_that_is_none(written):
    with pytest.raises(CredentialsError, match="STORAGE_EMULATOR_HOST cannot be read"):
        found({"token": "t"}, STORAGE_EMULATOR_HOST=written)


def test_a_file_inside_a_dictionary_is_sealed_through_and_through():
    key = {"type": "impersonated_service_account", "source_credentials": {"refresh_token": CANARY}, "delegates": ["a"]}
    for form in (key, json.dumps(key), f"\n  {json.dumps(key)}"):
        once = sealed(form)
        assert once["source_credentials"]["refresh_token"] == Secret(CANARY)
        assert CANARY not in repr(once)
        assert sealed(once) == once
        assert gcs_keys.revealed(once) == key
    assert CANARY not in repr(sealed(f"{{{CANARY}"))  # it never raises: whoever calls still has the text
    with pytest.raises(CredentialsError, match="creds begins as JSON and is none"):
        found(f"{{{CANARY}")


def test_where_gcloud_keeps_its_files(monkeypatch):
    home = Path(os.environ["HOME"])
    name = "application_default_credentials.json"
    assert gcs_keys.default_path({}) == home / ".config" / "gcloud" / name
    assert gcs_keys.default_path({"CLOUDSDK_CONFIG": "/etc/gcloud"}) == Path("/etc/gcloud") / name
    assert gcs_keys.default_path({"CLOUDSDK_CONFIG": "~/gcloud"}) == home / "gcloud" / name
    monkeypatch.setattr(sys, "platform", "win32")
    assert gcs_keys.default_path({"APPDATA": "/users/me/roaming"}) == Path("/users/me/roaming/gcloud") / name


def test_no_sdk_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.auth.exceptions", None)
    key = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    with pytest.raises(MissingDependencyError, match="run `pip install google-cloud-storage`"):
        found(key)
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(MissingDependencyError, match="needs urllib3: run `pip install urllib3`"):
        transport.connections("https://storage.googleapis.com")


def test_a_machines_metadata_is_never_asked_for_through_a_proxy(monkeypatch):
    import urllib3

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    for address, is_by_proxy in {
        "http://169.254.169.254/computeMetadata/v1/": False,
        "http://metadata.google.internal/computeMetadata/v1/": False,
        "http://storage.googleapis.com": True,
        "https://storage.googleapis.com": True,
    }.items():
        assert isinstance(transport.connections(address), urllib3.ProxyManager) == is_by_proxy
    monkeypatch.setenv("no_proxy", "googleapis.com")
    assert not isinstance(transport.connections("https://storage.googleapis.com"), urllib3.ProxyManager)
