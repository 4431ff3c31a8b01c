"""S3 on a real server that checks signatures and policies: good keys work, bad ones are refused, nothing leaks."""

from __future__ import annotations

import logging
import os
import pickle
import traceback
from pathlib import Path

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import CredentialsError, MissingCredentialsError, PermissionDeniedError, StorageError
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import delete_all
from deeplake_nb.urls import parse
from tests.fakes import moto

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"


def allow(*actions, resource="*"):
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


@pytest.fixture(scope="module")
def guarded():
    """The endpoint of a server with closed doors, and the keys of its users."""
    with moto.moto_server() as endpoint:
        opened = moto.client(endpoint)
        opened.create_bucket(Bucket="bucket")
        opened.put_object(Bucket="bucket", Key="x/k", Body=b"stored")
        reading = [allow("s3:GetObject", "s3:ListBucket")]
        users = {
            "writer": moto.user(endpoint, "writer", [allow("s3:*")]),
            "reader": moto.user(endpoint, "reader", reading),
            "role": moto.role(endpoint, "role", reading),
            "nobody": moto.user(endpoint, "nobody", [allow("s3:ListAllMyBuckets")]),
        }
        opened.close()
        moto.close_doors(endpoint)
        yield endpoint, users


@pytest.fixture
def users(guarded):
    return guarded[1]


@pytest.fixture
def opened(guarded):
    """Opens the bucket with what is given, and the environment as it is."""

    def opened(url="s3://bucket/x", **creds):
        url = parse(url)
        creds = {"endpoint_url": guarded[0], **creds}
        return open_storage(url, credentials_from(url, creds, environ=os.environ))

    return opened


def profiles(monkeypatch, tmp_path, **sections):
    """Files as `aws configure` writes them."""
    lines = []
    for name, keys in sections.items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in keys.items())]
    folder = Path(os.environ["HOME"], ".aws")
    folder.mkdir()
    (folder / "credentials").write_text("\n".join(lines))


def test_good_keys_by_dictionary(opened, users):
    storage = opened("s3://bucket/dict", **users["writer"])
    storage.put("k", b"x")
    assert bytes(storage.get("k")) == b"x"
    assert [entry.key for entry in storage.list()] == ["k"]
    storage.put("lock", b"x", if_absent=True)
    delete_all(storage)
    assert list(storage.list()) == []


def test_good_keys_by_environment(opened, users, monkeypatch):
    for name, value in users["reader"].items():
        monkeypatch.setenv(name.upper(), value)
    assert bytes(opened().get("k")) == b"stored"


def test_good_keys_by_default_profile(opened, users, monkeypatch, tmp_path):
    profiles(monkeypatch, tmp_path, default=users["reader"])
    storage = opened()
    assert bytes(storage.get("k")) == b"stored"
    assert storage._identity.source == "profile 'default' (shared-credentials-file)"


def test_good_keys_by_named_profile(opened, users, monkeypatch, tmp_path):
    profiles(monkeypatch, tmp_path, default=users["nobody"], work=users["reader"])
    with pytest.raises(PermissionDeniedError):
        opened().get("k")
    assert bytes(opened(profile_name="work").get("k")) == b"stored"
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert bytes(opened().get("k")) == b"stored"
    with pytest.raises(MissingCredentialsError, match=r"no profile 'wrok' \(did you mean 'work'\?\)"):
        opened(profile_name="wrok").get("k")


def test_the_argument_wins_over_the_environment_and_that_over_the_profile(opened, users, monkeypatch, tmp_path):
    profiles(monkeypatch, tmp_path, default=users["nobody"])
    for name, value in users["reader"].items():
        monkeypatch.setenv(name.upper(), value)
    assert bytes(opened().get("k")) == b"stored"
    with pytest.raises(PermissionDeniedError, match="credentials: argument"):
        opened(**users["nobody"]).get("k")


@pytest.mark.parametrize("how", ["dictionary", "environment", "profile"])
def test_temporary_keys(opened, users, how, monkeypatch, tmp_path):
    keys = users["role"]
    if how == "environment":
        for name, value in keys.items():
            monkeypatch.setenv(name.upper(), value)
    elif how == "profile":
        profiles(monkeypatch, tmp_path, default=keys)
    storage = opened(**keys) if how == "dictionary" else opened()
    assert bytes(storage.get("k")) == b"stored"
    with pytest.raises(PermissionDeniedError):
        storage.put("new", b"x")


def test_keys_that_change_while_in_use(guarded, users):
    """As a refresh does: each request is signed with what the provider answers then."""
    url = parse("s3://bucket/x")
    chains = {
        name: credentials_from(url, {"endpoint_url": guarded[0], **users[name]}, environ={})
        for name in ("reader", "nobody")
    }

    class Changing:
        name, absent, now = "changing", "", "reader"

        def __call__(self):
            return chains[self.now]()

    changing = Changing()
    storage = open_storage(url, changing)
    assert bytes(storage.get("k")) == b"stored"
    changing.now = "nobody"
    with pytest.raises(PermissionDeniedError):
        storage.get("k")
    changing.now = "reader"
    assert bytes(storage.get("k")) == b"stored"


VERBS = {
    "get": lambda storage: storage.get("k"),
    "size": lambda storage: storage.size("k"),
    "put": lambda storage: storage.put("new", b"x"),
    "delete": lambda storage: storage.delete("k"),
    "list": lambda storage: list(storage.list()),
}


@pytest.mark.parametrize("verb", VERBS)
def test_what_a_policy_denies(opened, users, verb):
    with pytest.raises(PermissionDeniedError) as caught:
        VERBS[verb](opened(**users["nobody"]))
    assert f"cannot {verb} s3://bucket/x" in str(caught.value)
    assert "ask for the permission on this bucket, or pass other creds=" in str(caught.value)


def test_a_reader_may_not_write(opened, users):
    storage = opened(**users["reader"])
    for verb in ("put", "delete"):
        with pytest.raises(PermissionDeniedError, match="AccessDenied"):
            VERBS[verb](storage)
    for verb in ("get", "size", "list"):
        VERBS[verb](storage)


def bad_keys(users):
    reader = users["reader"]
    return {
        "wrong secret": (
            {**reader, "aws_secret_access_key": CANARY},
            PermissionDeniedError,
            "SignatureDoesNotMatch",
            "aws_secret_access_key does not belong to aws_access_key_id",
        ),
        "unknown key": (
            {"aws_access_key_id": "AKIAUNKNOWN", "aws_secret_access_key": CANARY},
            PermissionDeniedError,
            "InvalidAccessKeyId",
            "does not know aws_access_key_id; check endpoint_url",
        ),
        "bogus token": (
            {**users["role"], "aws_session_token": CANARY},
            PermissionDeniedError,
            "InvalidToken",
            "aws_session_token does not belong to these keys",
        ),
        "unreachable": (
            {"aws_access_key_id": "AKIA", "aws_secret_access_key": CANARY, "aws_session_token": CANARY + "t"}
            | {"endpoint_url": "http://127.0.0.1:9"},
            StorageError,
            "EndpointConnectionError",
            "check the network and endpoint_url",
        ),
    }


def everything_said(error):
    """The text, the arguments and every local variable of every frame below the test, of an error and its causes."""
    said, seen = [], set()
    pending = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        said += [str(current), repr(current), repr(vars(current))]
        for frame, _ in traceback.walk_tb(current.__traceback__):
            if frame.f_code.co_filename != __file__:
                said += [f"{name} = {value!r}" for name, value in frame.f_locals.items()]
        pending += [current.__cause__, current.__context__]
    return "\n".join(said)


@pytest.mark.parametrize("how", ["dictionary", "environment", "profile"])
@pytest.mark.parametrize("case", ["wrong secret", "unknown key", "bogus token", "unreachable"])
def test_bad_keys_are_refused_and_never_shown(opened, users, case, how, monkeypatch, tmp_path, caplog):  # noqa: PLR0917
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    creds, kind, code, advice = bad_keys(users)[case]
    endpoint = {name: value for name, value in creds.items() if name == "endpoint_url"}
    keys = {name: value for name, value in creds.items() if name != "endpoint_url"}
    if how == "environment":
        for name, value in keys.items():
            monkeypatch.setenv(name.upper(), value)
        keys = {}
    elif how == "profile":
        profiles(monkeypatch, tmp_path, default=keys)
        keys = {}
    for logger in ("", "botocore", "urllib3", "deeplake_nb"):
        caplog.set_level(logging.DEBUG, logger)
    storage = opened(**endpoint, **keys)
    with pytest.raises(kind) as caught:
        storage.get("k")
    assert code in str(caught.value)
    assert advice in str(caught.value)
    said = everything_said(caught.value)
    assert "s3://bucket/x" in said
    assert CANARY not in said
    assert "".join(traceback.format_exception(caught.value)).count(CANARY) == 0
    assert len(caplog.records) > 10
    assert CANARY not in caplog.text
    assert not [record for record in caplog.records if CANARY in repr(vars(record))]


@pytest.mark.parametrize(
    "creds",
    [
        {"aws_access_key_id": "AKIA", "aws_session_token": CANARY},
        {"aws_secret_access_key": CANARY},
        {"aws_access_key_id": "AKIA", "aws_secret_acces_key": CANARY},
        {"aws_access_key_id": 7, "aws_secret_access_key": CANARY},
        {"aws_access_key_id": "AKIA", "aws_secret_access_key": CANARY, "endpoint_url": f"http://me:{CANARY}@host"},
        {"aws_access_key_id": "AKIA", "aws_secret_access_key": CANARY, "endpoint_url": f"{CANARY}"},
        {"aws_access_key_id": "AKIA", "aws_secret_access_key": CANARY, "profile_name": "work"},
    ],
)
def test_unfit_credentials_are_never_shown(opened, creds):
    with pytest.raises(CredentialsError) as caught:
        opened(**creds)
    assert CANARY not in everything_said(caught.value)


def test_a_storage_with_keys_is_never_pickled_or_shown(opened):
    storage = opened(aws_access_key_id="AKIA", aws_secret_access_key=CANARY)
    assert CANARY not in repr(storage) + repr(vars(storage)) + repr(storage._identity.current())
    with pytest.raises((CredentialsError, TypeError)):
        pickle.dumps(storage)
