"""Every choice of the form keeps credentials that the storage of its place takes."""

from __future__ import annotations

import pytest

from deeplake_nb.credentials.azure import AzureCredentials
from deeplake_nb.credentials.http import HttpCredentials
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.credentials.s3 import S3Credentials
from deeplake_nb.errors import CredentialsError
from deeplake_nb.session import Session
from deeplake_nb.widgets.fields import sealed_values
from deeplake_nb.widgets.key_panel import KeyPanel
from deeplake_nb.widgets.providers import PROVIDERS, provider_fields, schemes_of
from deeplake_nb.widgets.typed_key import TypedKey
from tests.fakes import moto

ACCOUNT_KEY = "YWNjb3VudGtleWFjY291bnRrZXlhY2NvdW50a2V5YWNjb3VudGtleQ=="


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path / "data"))
    return Session()


@pytest.mark.parametrize(
    ("choice", "typed", "kind", "found"),
    [
        ("aws-keys", {"url": "s3://b/x", "aws_access_key_id": "AKIA", "aws_secret_access_key": "s"}, S3Credentials,
         {"aws_access_key_id": "AKIA", "aws_secret_access_key": Secret("s")}),
        ("s3-compatible", {"url": "s3://b/x", "aws_access_key_id": "A", "aws_secret_access_key": "s",
                           "endpoint_url": "http://h:1"}, S3Credentials, {"endpoint_url": "http://h:1"}),
        ("azure-key", {"url": "azure://a/c", "account_key": ACCOUNT_KEY}, AzureCredentials,
         {"account_key": Secret(ACCOUNT_KEY)}),
        ("azure-sas", {"url": "azure://a/c", "sas_token": "sv=1&sig=x"}, AzureCredentials,
         {"sas_token": Secret("sv=1&sig=x")}),
        ("http-token", {"url": "https://h/x", "token": "t"}, HttpCredentials, {"token": Secret("t")}),
    ],
)  # fmt: skip
def test_what_is_kept_is_what_was_typed(session, choice, typed, kind, found):
    KeyPanel(session).act("save", choice, sealed_values({**typed, "untested": "yes"}.items()))
    assert session.explain(typed["url"])["session key"].state == "in force"
    kept = session.keyring.sources(session.keyring.kept()[0], "w")[0]()
    assert isinstance(kept, kind)
    assert {name: getattr(kept, name) for name in found} == found


def test_a_role_is_asked_for_what_it_lends(session, monkeypatch):
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        for name, value in moto.ADMIN.items():
            monkeypatch.setenv(name.upper(), value)
        arn = "arn:aws:iam::123456789012:role/reader"
        typed = {"url": "s3://bucket/x", "role_arn": arn, "endpoint_url": endpoint, "sts_endpoint_url": endpoint}
        KeyPanel(session).act("save", "aws-role", sealed_values(typed.items()))
        kept = session.keyring.sources(session.keyring.kept()[0], "w")[0]()
        assert kept.aws_access_key_id.startswith("ASIA")
        assert kept.expires_at is not None
        session.storage("s3://bucket/x").put("k", b"by the role")
        assert bytes(session.storage("s3://bucket/x").get("k")) == b"by the role"


def test_a_sign_in_keeps_no_key():
    with pytest.raises(CredentialsError, match="sign in with it"):
        TypedKey.of("gcs-browser", {})


@pytest.mark.parametrize("choice", PROVIDERS)
def test_every_choice_is_of_fields_that_are_declared_and_of_places_that_open(choice):
    fields = provider_fields(choice)
    assert all(field.label and field.help for field in fields)
    assert len({field.name for field in fields}) == len(fields)
    assert schemes_of(choice)
