"""Secrets, declared fields, and the two simplest sources."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest

from deeplake_nb.credentials.provider import Env, Environment, Secret, Static, declarations, from_environ, given, sealed
from deeplake_nb.credentials.s3 import S3Credentials
from deeplake_nb.errors import CredentialsError, PartialCredentialsError

CANARY = "c4nary/C4NARY+secret"
KEYS = {"aws_access_key_id": "AKIA", "aws_secret_access_key": CANARY}


def test_a_secret_is_never_shown(caplog):
    secret = Secret(CANARY)
    shown = f"{secret} {secret!r} {secret!s} {secret:>10} {[secret]} {(secret, {'k': secret})}"
    shown += "%s %r" % (secret, secret) + "{}".format(secret)  # noqa: UP031, UP032
    logging.getLogger("x").warning("%s %r", secret, secret)
    assert CANARY not in shown + caplog.text
    assert shown.startswith("*** *** ***        *** [***]")
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == CANARY


def test_a_secret_is_never_pickled_copied_or_encoded():
    secret = Secret(CANARY)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(CredentialsError, match="cannot be pickled or copied"):
            pickle.dumps(secret, protocol)
    with pytest.raises(CredentialsError):
        copy.deepcopy({"k": secret})
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_secrets_compare_by_what_they_hold():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("ü") == Secret("ü")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_secrets_are_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: compared.append((a, b)) or True)
    assert Secret("a") == Secret("b")
    assert compared == [(b"a", b"b")]


def test_every_field_is_declared_once_with_its_readers_needs():
    declared = declarations(S3Credentials)
    assert list(declared) == [field.name for field in fields(S3Credentials) if field.name != "source"]
    assert all(declaration.label and declaration.help.endswith(".") for declaration in declared.values())
    assert [name for name, d in declared.items() if d.role == "required"] == list(KEYS)
    assert {name for name, d in declared.items() if d.secret} == {"aws_secret_access_key", "aws_session_token"}


def test_sealed_hides_texts_and_leaves_the_rest():
    creds = sealed({"a": CANARY, "b": 7, "c": None, "d": CANARY.encode(), "e": [(CANARY,), {"f": CANARY}]})
    assert CANARY not in repr(creds)
    assert (creds["a"].reveal(), creds["b"], creds["c"], creds["d"].reveal()) == (CANARY, 7, None, CANARY)
    assert CANARY not in repr(sealed(CANARY))
    assert sealed("browser") == "browser"
    assert sealed(None) is None


def test_given_reads_a_dictionary():
    values = given(S3Credentials, {**KEYS, "region_name": " eu-west-1\n", "aws_session_token": None})
    assert values == {
        "aws_access_key_id": "AKIA",
        "aws_secret_access_key": Secret(CANARY),
        "aws_region": "eu-west-1",
    }
    assert given(S3Credentials, {"aws_access_key_id": "", "aws_session_token": "  "}) == {}
    assert given(S3Credentials, {"aws_session_token": Secret(CANARY)}) == {"aws_session_token": Secret(CANARY)}
    assert given(S3Credentials, {"expires_at": "2030-01-31T12:00:00Z"}) == {
        "expires_at": datetime(2030, 1, 31, 12, tzinfo=UTC)
    }


@pytest.mark.parametrize(
    ("creds", "message"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "x"},
            "creds has no key 'AWS_ACCESS_KEY_ID' (did you mean 'aws_access_key_id'?); known: ",
        ),
        ({"aws_secret_acces_key": "x"}, "(did you mean 'aws_secret_access_key'?)"),
        ({"region": "x"}, "(did you mean 'aws_region'?)"),
        ({"sas_token": "x"}, "creds has no key 'sas_token'"),
        ({7: "x"}, "creds has no key 7"),
        ({"aws_access_key_id": 7}, "creds['aws_access_key_id'] must be text, not int"),
        ({"aws_access_key_id": ["x"]}, "must be text, not list"),
        (
            {"endpoint_url": "localhost:9000"},
            "creds['endpoint_url'] cannot be read: expected http://host:port or https",
        ),
        ({"endpoint_url": "s3://bucket"}, "expected http://host:port"),
        ({"endpoint_url": "htp://host"}, "unknown scheme 'htp://'"),
        ({"endpoint_url": "http://me:pw@host"}, "without a user"),
        ({"expires_at": "soon"}, "creds['expires_at'] cannot be read: Invalid isoformat string: 'soon'"),
    ],
)
def test_given_refuses_what_it_does_not_know(creds, message):
    with pytest.raises(CredentialsError) as caught:
        given(S3Credentials, creds)
    assert message in str(caught.value)


def test_from_environ_takes_the_first_variable_that_is_set():
    environ = {"AWS_DEFAULT_REGION": "b", "AWS_ACCESS_KEY_ID": "AKIA\n", "AWS_SESSION_TOKEN": "", "HOME": "/"}
    assert from_environ(S3Credentials, environ) == {"aws_access_key_id": "AKIA", "aws_region": "b"}
    assert from_environ(S3Credentials, {**environ, "AWS_REGION": "a"})["aws_region"] == "a"
    with pytest.raises(CredentialsError, match="AWS_CREDENTIAL_EXPIRATION cannot be read"):
        from_environ(S3Credentials, {"AWS_CREDENTIAL_EXPIRATION": "soon"})


def test_an_environment_is_read_when_asked_and_shows_nothing():
    variables = {"AWS_SECRET_ACCESS_KEY": CANARY}
    environ = Environment(variables)
    assert (environ["AWS_SECRET_ACCESS_KEY"], environ.get("OTHER"), len(environ)) == (CANARY, None, 1)
    variables["OTHER"] = "x"
    assert dict(environ) == variables
    assert CANARY not in repr(environ) + str(environ) + f"{environ}"


def test_static_answers_with_what_was_given():
    source = Static(S3Credentials, given(S3Credentials, KEYS))
    assert (source.name, source.absent) == ("argument", "none given")
    assert source() == S3Credentials(aws_access_key_id="AKIA", aws_secret_access_key=Secret(CANARY))
    assert Static(S3Credentials, {})() is None
    assert Static(S3Credentials, given(S3Credentials, {"endpoint_url": "http://host", "aws_region": "x"}))() is None


def test_env_reads_the_environment_when_asked():
    environ = {}
    source = Env(S3Credentials, environ)
    assert (source(), source.absent) == (None, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY unset")
    environ |= {name.upper(): value for name, value in KEYS.items()}
    found = source()
    assert (found.aws_access_key_id, found.source) == ("AKIA", "environment")
    environ["AWS_ACCESS_KEY_ID"] = "other"
    assert source().aws_access_key_id == "other"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"aws_access_key_id": "AKIA"}, "has aws_access_key_id but not aws_secret_access_key: give all of"),
        ({"aws_secret_access_key": CANARY}, "has aws_secret_access_key but not aws_access_key_id"),
        ({"aws_session_token": CANARY}, "has aws_session_token but not aws_access_key_id, aws_secret_access_key"),
    ],
)
def test_half_a_set_is_an_error(values, message):
    with pytest.raises(PartialCredentialsError) as caught:
        Static(S3Credentials, given(S3Credentials, values))
    assert f"argument {message}" in str(caught.value)
    with pytest.raises(PartialCredentialsError) as caught:
        Env(S3Credentials, {name.upper(): value for name, value in values.items()})()
    assert f"the environment {message}" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_credentials_are_values_that_hide_their_secrets():
    found = Static(S3Credentials, given(S3Credentials, {**KEYS, "aws_session_token": CANARY}))()
    assert CANARY not in repr(found) + str(found) + f"{found}"
    assert "aws_secret_access_key=***" in repr(found)
    with pytest.raises(CredentialsError):
        pickle.dumps(found)
    assert found == S3Credentials(
        aws_access_key_id="AKIA",
        aws_secret_access_key=Secret(CANARY),
        aws_session_token=Secret(CANARY),
        source="elsewhere",
    )
    with pytest.raises(AttributeError):
        found.aws_region = "x"


def test_times_without_a_zone_are_utc():
    read = declarations(S3Credentials)["expires_at"].read
    assert read("2030-01-31T12:00:00") == datetime(2030, 1, 31, 12, tzinfo=UTC)
    assert read("2030-01-31T12:00:00+02:00").tzinfo == timezone(timedelta(hours=2))
