"""Kinds of managed keys: what is taken, what is refused by name, what is shown, and where each can be used."""

from __future__ import annotations

import json
import traceback
from typing import get_args

import pytest

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import CredentialsError
from deeplake_nb.hub import kinds
from deeplake_nb.hub.protocol import KeyKind
from deeplake_nb.urls import parse

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"  # base64 text, as a key is
ROLE = "arn:aws:iam::123456789012:role/lake"
ACCOUNT = "lake@project.iam.gserviceaccount.com"
GOOGLE = {
    "type": "service_account",
    "client_email": ACCOUNT,
    "private_key": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n",
    "private_key_id": "abcdef0123456789",
    "token_uri": "https://oauth2.googleapis.com/token",
}
GOOD = {
    "aws-keys": {"aws_access_key_id": "AKIA123", "aws_secret_access_key": CANARY, "aws_region": "eu-west-1"},
    "aws-role": {"role_arn": ROLE},
    "azure-key": {"account_key": CANARY},
    "azure-sas": {"sas_token": f"sv=2023&sp=rl&sig={CANARY}"},
    "azure-principal": {"tenant_id": "t", "client_id": "c", "client_secret": CANARY},
    "gcs-account": {"key": json.dumps(GOOGLE)},
    "gcs-impersonation": {"service_account": ACCOUNT},
    "http-token": {"token": CANARY},
}
PLACES = {
    "s3": "s3://bucket/cars",
    "azure": "azure://lake/box/cars",
    "gcs": "gcs://bucket/cars",
    "https": "https://host/cars",
}


@pytest.mark.parametrize("kind", get_args(KeyKind))
def test_what_is_good_is_taken_and_its_secrets_are_sealed(kind):
    found = kinds.read(kind, GOOD[kind])
    known = kinds.KINDS[kind].fields
    assert set(found) == set(GOOD[kind])
    for name, value in found.items():
        assert isinstance(value, Secret) == known[name].secret
        assert (value.reveal() if isinstance(value, Secret) else value) == GOOD[kind][name]
    assert kinds.read(kind, found) == found
    assert CANARY not in repr(found)


@pytest.mark.parametrize("kind", get_args(KeyKind))
def test_forms_can_be_drawn_from_the_declarations(kind):
    row = kinds.KINDS[kind]
    assert row.label
    assert row.help.endswith(".")
    for declaration in row.fields.values():
        assert declaration.label
        assert declaration.help
    for names in row.required:
        assert set(names) <= set(row.fields)
    assert {name for name, d in row.fields.items() if d.secret} == {
        "aws-keys": {"aws_secret_access_key", "aws_session_token"},
        "azure-key": {"account_key", "connection_string"},
        "azure-sas": {"sas_token"},
        "azure-principal": {"client_secret"},
        "gcs-account": {"key"},
        "http-token": {"token"},
    }.get(kind, set())


@pytest.mark.parametrize("kind", get_args(KeyKind))
def test_each_reaches_its_own_storage_only(kind):
    found = kinds.read(kind, GOOD[kind])
    assert [scheme for scheme, place in PLACES.items() if kinds.reaches(kind, found, parse(place))] == [
        kinds.KINDS[kind].scheme
    ]
    for elsewhere in ("file:///data", "mem://x", "hub://org/name"):
        assert not kinds.reaches(kind, found, parse(elsewhere))


@pytest.mark.parametrize("kind", get_args(KeyKind))
def test_shown_are_last_characters_of_secrets_and_all_else(kind):
    found = kinds.shown(kind, kinds.read(kind, GOOD[kind]))
    assert set(found) == set(GOOD[kind])
    text = json.dumps(found)
    assert all(CANARY[start : start + 5] not in text for start in range(len(CANARY) - 5))
    assert (
        found
        == {
            "aws-keys": {"aws_access_key_id": "AKIA123", "aws_secret_access_key": "…c4na", "aws_region": "eu-west-1"},
            "aws-role": {"role_arn": ROLE},
            "azure-key": {"account_key": "…c4na"},
            "azure-sas": {"sas_token": "…c4na"},
            "azure-principal": {"tenant_id": "t", "client_id": "c", "client_secret": "…c4na"},
            "gcs-account": {"key": f"{ACCOUNT} …6789"},
            "gcs-impersonation": {"service_account": ACCOUNT},
            "http-token": {"token": "…c4na"},
        }[kind]
    )


def test_of_short_secrets_nothing_is_shown():
    assert kinds.shown("http-token", kinds.read("http-token", {"token": "short"})) == {"token": "…"}


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("aws-key", {"aws_secret_access_key": CANARY}, r"no kind of key 'aws-key' \(did you mean 'aws-keys'\?\)"),
        ("aws-keys", {"aws_acces_key_id": CANARY}, r"no field 'aws_acces_key_id' \(did you mean 'aws_access_key_id'"),
        ("aws-keys", {"aws_access_key_id": "AKIA"}, "needs aws_access_key_id, aws_secret_access_key"),
        ("aws-keys", {"aws_access_key_id": 7}, "aws_access_key_id of a key of kind aws-keys must be text, not int"),
        ("aws-keys", {**GOOD["aws-keys"], "endpoint_url": f"http://u:{CANARY}@h"}, "endpoint_url .* without a user"),
        ("aws-keys", {**GOOD["aws-keys"], "expires_at": "soon"}, "expires_at of a key of kind aws-keys cannot be read"),
        ("aws-keys", {**GOOD["aws-keys"], "aws_secret_access_key": "  "}, "needs .*aws_secret_access_key"),
        ("aws-role", {"role_arn": "arn:aws:iam::1:user/x"}, "role_arn .*expected arn:aws:iam"),
        ("azure-key", {}, "needs account_key or connection_string: nothing was given"),
        ("azure-key", {"account_key": "*"}, "no base64"),
        ("azure-key", {"connection_string": f"SharedAccessSignature=sv=1&sig={CANARY}"}, "has no AccountKey"),
        ("azure-key", {"connection_string": CANARY}, "neither AccountKey nor"),
        ("azure-sas", {"sas_token": f"sv=1&{CANARY}"}, "no sig="),
        ("azure-principal", {"tenant_id": "t", "client_secret": CANARY}, "client_secret but not client_id"),
        ("azure-principal", {"client_id": "c"}, "needs tenant_id"),
        ("gcs-account", {"key": CANARY}, "no JSON object"),
        ("gcs-account", {"key": f'"{CANARY}"'}, "no JSON object"),
        (
            "gcs-account",
            {"key": json.dumps({**GOOGLE, "type": "authorized_user"})},
            "without|of type 'authorized_user'",
        ),
        ("gcs-account", {**GOOGLE, "type": "nonsense"}, "of type 'nonsense'"),
        ("gcs-account", {"private_key": CANARY}, "has no 'type'"),
        ("gcs-account", {**GOOGLE, "client_email": None}, "without client_email"),
        ("gcs-impersonation", {"service_account": "somebody"}, "service_account .*expected name@project"),
        ("gcs-impersonation", {"service_account": "a'$(id)@b.c"}, "service_account .*expected name@project"),
        ("http-token", {}, "needs token"),
        ("http-token", ["x"], "are a dictionary, not list"),
    ],
)
def test_what_cannot_be_a_key_is_refused_by_name(kind, fields, said):
    with pytest.raises(CredentialsError, match=said) as caught:
        kinds.read(kind, fields)
    assert CANARY not in str(caught.value)
    frames = [frame for frame in traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
              if "/deeplake_nb/" in frame.filename]  # fmt: skip
    assert frames
    assert CANARY not in "".join(str(frame.locals) for frame in frames)


def test_a_google_key_may_be_given_as_its_file_is():
    """All three give the same key; settings stand beside it."""
    text = json.dumps(GOOGLE)
    for fields in (GOOGLE, {"key": GOOGLE}, {"key": text}):
        found = kinds.read("gcs-account", {**fields, "user_project": "payer"})
        assert json.loads(found["key"].reveal()) == GOOGLE
        assert found["user_project"] == "payer"


def test_keys_of_an_account_open_no_other():
    named = kinds.read("azure-key", {"account_key": CANARY, "account_name": "lake"})
    text = f"DefaultEndpointsProtocol=https;AccountName=lake;AccountKey={CANARY};EndpointSuffix=core.windows.net"
    connection = kinds.read("azure-key", {"connection_string": text})
    for fields in (named, connection):
        assert kinds.reaches("azure-key", fields, parse("azure://lake/box/cars"))
        assert kinds.reaches("azure-key", fields, parse("abfss://box@lake.dfs.core.windows.net/cars"))
        assert not kinds.reaches("azure-key", fields, parse("azure://other/box/cars"))


@pytest.mark.parametrize(
    ("place", "reached"),
    [
        ("https://host/x", True),
        ("http://host/x", False),
        ("http://localhost:8000/x", True),
        ("http://127.0.0.1/x", True),
        ("http://[::1]:8000/x", True),
        ("http://localhost.evil.com/x", False),
        ("http://127.0.0.1.nip.io/x", False),
        ("http://user@localhost/x", False),
    ],
)
def test_a_token_does_not_travel_in_the_clear(place, reached):
    assert kinds.reaches("http-token", kinds.read("http-token", {"token": CANARY}), parse(place)) is reached


@pytest.mark.parametrize(
    ("place", "is_below"),
    [
        ("s3://bucket/a/b", True),
        ("s3://bucket/a/b/c", True),
        ("s3://bucket/a/bc", False),
        ("s3://bucket/a", False),
        ("s3://bucket", False),
        ("s3://bucket2/a/b", False),
        ("gcs://bucket/a/b", False),
        ("s3://other/anything", True),
        ("https://host/files/x", True),
        ("https://host/files/../secret", False),
        ("https://host/files/%2E%2e/secret", False),
        ("https://host/files/..%2fsecret", False),
        ("https://host/files/a..b", True),
        ("https://host:8443/files/x", False),
        ("https://host/filesystem", False),
    ],
)
def test_prefixes_are_folders(place, is_below):
    prefixes = [parse(text) for text in ("s3://bucket/a/b/", "s3://other", "https://host/files/")]
    assert kinds.is_below(parse(place), prefixes) is is_below
    assert not kinds.is_below(parse(place), [])


def test_the_addresses_a_key_leads_to_are_known_before_it_is_used():
    """Who lets strangers add keys looks at these first."""
    cases = {
        "aws-keys": (
            {**GOOD["aws-keys"], "endpoint_url": "http://a", "sts_endpoint_url": "http://b"},
            ["http://a", "http://b"],
        ),
        "azure-key": (
            {"connection_string": f"AccountName=lake;AccountKey={CANARY};BlobEndpoint=http://c/lake;"},
            ["http://c/lake"],
        ),
        "gcs-account": ({**GOOGLE, "token_uri": "http://d/token"}, ["http://d/token"]),
        "http-token": (GOOD["http-token"], []),
    }
    for kind, (fields, expected) in cases.items():
        assert kinds.addresses(kind, kinds.read(kind, fields)) == expected
