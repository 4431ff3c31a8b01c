"""Every way to log in to Google Cloud Storage: with what is right it works, with what is wrong it is refused."""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import google.auth.credentials
import google.oauth2.credentials
import google.oauth2.service_account
import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.credentials.chain import credentials_from, utc_now
from deeplake_nb.errors import (
    CredentialsError,
    ExpiredCredentialsError,
    MissingCredentialsError,
    PartialCredentialsError,
    PermissionDeniedError,
    StorageError,
)
from deeplake_nb.session import Session
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
from tests.fakes import gcs, oauth
from tests.rounds import Clock, in_rounds

CANARY = "c4naryC4NARYc4naryC4NARY"


@pytest.fixture
def storage():
    with gcs.emulator() as storage:
        storage.write("bucket", "x/k", b"stored")
        yield storage


@pytest.fixture
def google_(storage, monkeypatch):
    """Google's servers; requests for objects go to the emulator."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.endpoint)
    with oauth.google(storage) as service:
        yield service


def opened(creds=None, clock=utc_now, **environ):
    url = parse("gcs://bucket/x")
    environ = os.environ | environ
    if creds is None:  # an emulator gets nothing that is found: here it stands for Google itself
        creds = {"endpoint_url": environ.pop("STORAGE_EMULATOR_HOST")}
    return open_storage(url, credentials_from(url, creds, environ=environ, clock=clock))


def works(storage):
    assert bytes(storage.get("k")) == b"stored"
    storage.put("new", b"x")
    assert [entry.key for entry in storage.list()] == ["k", "new"]
    storage.delete("new")
    return storage.api.credentials()


@pytest.fixture
def write(tmp_path):
    """A file with this content."""

    def write(content, name="key.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


# keys of service accounts


def test_a_key_file(google_, write):
    found = works(opened(write(google_.service_account())))
    assert (found.account, found.source) == ("robot@project.iam.gserviceaccount.com", "argument")


def test_a_key_file_in_the_home_folder_and_one_with_settings(google_, write, storage):
    path = write(google_.service_account())
    Path(path).rename(Path(os.environ["HOME"], "key.json"))
    works(opened("~/key.json"))
    works(opened(Path("~/key.json")))
    storage.buckets["bucket"].settings["billing"] = {"requesterPays": True}
    works(opened({"key_file": "~/key.json", "user_project": "me"}))
    with pytest.raises(StorageError, match="400 required"):
        opened("~/key.json").size("k")
    works(opened("~/key.json", GOOGLE_CLOUD_QUOTA_PROJECT="me"))


def test_the_content_of_a_key_file(google_):
    key = google_.service_account()
    works(opened(key))
    works(opened(key | {"endpoint_url": google_.storage.endpoint}))
    works(opened(json.dumps(key)))
    works(opened("\n" + json.dumps(key, indent=2)))


@pytest.mark.parametrize("how", ["path", "dictionary", "environment", "default"])
def test_a_key_of_another_account_is_refused(google_, write, monkeypatch, how, tmp_path):
    key = google_.service_account()
    google_.service_account()  # another key replaces it
    creds = {"path": write(key), "dictionary": key}.get(how)
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": write(key)} if how == "environment" else {}
    if how == "default":
        write(key, "application_default_credentials.json")
        environ = {"CLOUDSDK_CONFIG": str(tmp_path)}
    with pytest.raises(PermissionDeniedError) as caught:
        opened(creds, **environ).get("k")
    name = {"environment": "environment", "default": "application default credentials"}.get(how, "argument")
    assert str(caught.value) == (
        f"{name} was refused a token (invalid_grant): the key was deleted or belongs to another account,"
        " or the clock of this machine is wrong; else make a new key"
    )
    assert "Invalid JWT Signature." in str(caught.value.__cause__)


def test_a_clock_that_is_wrong(google_, write, storage):
    key = write(google_.service_account())
    google_.clock = lambda: time.time() + 7200
    with pytest.raises(PermissionDeniedError, match="the clock of this machine is wrong"):
        opened(key).get("k")


def test_a_key_whose_account_may_not(google_, write, storage):
    found = opened(write(google_.service_account()))
    found.get("k")
    for token in storage.tokens.values():
        token.actions = gcs.READING
    with pytest.raises(PermissionDeniedError) as caught:
        found.put("k", b"x")
    assert str(caught.value) == (
        f"cannot put gcs://bucket/x/k (403 forbidden from {storage.endpoint}, credentials: argument): ask for the"
        " permission on this bucket, or pass other creds= (without storage.objects.list an object that is not there"
        " is refused too)"
    )
    assert "robot@project.iam.gserviceaccount.com does not have storage.objects.create" in str(caught.value.__cause__)


@pytest.mark.parametrize("how", ["path", "dictionary"])
@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            {"private_key": None},
            PartialCredentialsError,
            "is of type 'service_account' without private_key: give the whole",
        ),
        ({"private_key": "", "token_uri": None}, PartialCredentialsError, "without private_key, token_uri"),
        ({"private_key": CANARY}, CredentialsError, "is of type 'service_account' and cannot be used (ValueError): "),
        ({"private_key": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"}, CredentialsError, "("),
        ({"type": "service_acount"}, CredentialsError, "'service_acount' (did you mean 'service_account'?): expected"),
        ({"type": None}, CredentialsError, "has no 'type': expected Google's JSON of one of service_account, "),
        ({"type": "gdch_service_account"}, CredentialsError, "is of type 'gdch_service_account'"),
    ],
)
def test_a_key_that_is_none(google_, write, how, change, kind, message):  # noqa: PLR0917
    key = google_.service_account() | change
    creds = write(key) if how == "path" else key
    with pytest.raises(kind) as caught:
        opened(creds).get("k")
    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"creds {creds!r} " if how == "path" else "creds ")
    assert message in str(caught.value)
    assert CANARY not in everything_said(caught.value)


def test_a_file_that_is_none(google_, write, tmp_path):
    client = write(google_.client_file())
    for creds, message in {
        client: "is an OAuth client ('installed') and no credentials: set DEEPLAKE_NB_GCS_CLIENT",
        write("no json", "text.json"): "is no JSON object",
        write("[1]", "list.json"): "is no JSON object",
        str(tmp_path / "absent.json"): "there is no file",
    }.items():
        with pytest.raises(CredentialsError) as caught:
            opened(creds)
        assert message in str(caught.value)
        assert creds in str(caught.value)


@pytest.mark.parametrize(
    ("creds", "message"),
    [
        ("cahce", "(did you mean 'cache'?): give the path of a JSON key, 'browser', 'cache' or 'anonymous'"),
        (CANARY, "creds is no file's path, and none of the words: give the path of a JSON key"),
        (f"ya29.{CANARY}", "creds is no file's path"),
        (f"{{{CANARY}", "creds begins as JSON and is none: pass the dictionary, or the path of its file"),
        ({"tokn": CANARY}, "creds has no key 'tokn' (did you mean 'token'?); known: token"),
        ({"token": CANARY, "key_file": "x.json"}, "creds has both token and key_file: give one of the two"),
        ({"expires_at": "2030-01-01T00:00:00Z"}, "argument has expires_at but not token"),
        ({"token": 7}, "creds['token'] must be text, not int"),
        ({"token": CANARY, "endpoint_url": f"http://me:{CANARY}@host"}, "without a user"),
        (
            {"key_file": "/no/such.json"},
            "key_file '/no/such.json' cannot be read (No such file or directory)",
        ),
        (7, "creds for gcs:// is a dictionary or a word, not int"),
    ],
)
def test_what_cannot_be_credentials(creds, message):
    with pytest.raises(CredentialsError) as caught:
        opened(creds)
    assert message in str(caught.value)
    assert CANARY not in str(caught.value)


# users, and those who act as others


def test_a_login_of_gcloud(google_, write, tmp_path):
    login = google_.authorized_user()
    works(opened(login))
    works(opened(write(login, "application_default_credentials.json")))
    assert works(opened(CLOUDSDK_CONFIG=str(tmp_path))).source == "application default credentials"
    folder = Path(os.environ["HOME"], ".config", "gcloud")
    folder.mkdir(parents=True)
    (tmp_path / "application_default_credentials.json").rename(folder / "application_default_credentials.json")
    works(opened())


def test_a_login_that_was_taken_back(google_):
    login = google_.authorized_user()
    google_.revoke()
    with pytest.raises(ExpiredCredentialsError) as caught:
        opened(login).get("k")
    assert str(caught.value) == (
        "argument was refused a token (invalid_grant): the login is over or was revoked:"
        " run `gcloud auth application-default login`"
    )


def test_a_login_of_a_client_that_is_gone(google_):
    login = google_.authorized_user()
    google_.clients.clear()
    with pytest.raises(CredentialsError, match=r"\(invalid_client\): its OAuth client was deleted or changed"):
        opened(login).get("k")


def test_half_a_login(google_):
    login = google_.authorized_user(refresh_token=None)
    with pytest.raises(PartialCredentialsError, match="creds is of type 'authorized_user' without refresh_token"):
        opened(login)


@pytest.mark.parametrize("source", ["user", "robot"])
def test_somebody_who_acts_as_another(google_, source):
    made = google_.authorized_user() if source == "user" else google_.service_account()
    creds = google_.impersonating(made)
    account = "user@example.com" if source == "user" else made["client_email"]
    with pytest.raises(PermissionDeniedError, match=r"\(PERMISSION_DENIED\): ask for the role Service Account Token"):
        opened(creds).get("k")
    google_.impersonators.add((account, "target@project.iam.gserviceaccount.com"))
    assert works(opened(creds)).account == "target@project.iam.gserviceaccount.com"
    broken = creds | {"source_credentials": {"type": "authorized_user"}}
    with pytest.raises(
        PartialCredentialsError, match="source_credentials is of type 'authorized_user' without client_id"
    ):
        opened(broken).get("k")


def test_somebody_of_another_cloud(google_, write):
    creds = google_.federation(write("the other cloud's token", "token"))
    with pytest.raises(PermissionDeniedError, match=r"\(invalid_grant\): check the workload identity pool"):
        opened(creds).get("k")
    google_.federated.add("the other cloud's token")
    works(opened(creds))
    creds["credential_source"] = {"file": "/no/such/file"}
    with pytest.raises(CredentialsError, match=r"argument gave no token .* the token in its credential_source"):
        opened(creds).get("k")


# tokens, objects, nobody


def test_a_token(google_, storage):
    assert works(opened({"token": storage.issue()})).account is None
    for token in (CANARY, storage.issue(seconds=-1)):
        with pytest.raises(PermissionDeniedError, match=r"401.*the token is wrong, was revoked, or its time is over"):
            opened({"token": token}).get("k")
    with pytest.raises(ExpiredCredentialsError, match="from argument expired at 2020-01-01"):
        opened({"token": storage.issue(), "expires_at": "2020-01-01"}).get("k")


def test_a_token_that_was_revoked_before_its_end(google_, storage):
    found = opened(google_.service_account())
    found.get("k")
    storage.tokens.clear()
    with pytest.raises(ExpiredCredentialsError, match=r"401.*the token is wrong, was revoked, or its time is over"):
        found.get("k")
    with pytest.raises(ExpiredCredentialsError, match="401"):
        opened(lambda: {"token": CANARY, "expires_at": "2099-01-01"}).get("k")


def test_a_credentials_object_of_the_sdk(google_, storage):
    works(opened(google.oauth2.credentials.Credentials(storage.issue())))
    key = google_.service_account()
    works(opened(google.oauth2.service_account.Credentials.from_service_account_info(key)))
    with pytest.raises(PermissionDeniedError, match="401"):
        opened(google.oauth2.credentials.Credentials(CANARY)).get("k")
    with pytest.raises(CredentialsError, match=r"argument gave no token .*: check the credentials object given"):
        opened(google.oauth2.credentials.Credentials(None)).get("k")


@pytest.mark.parametrize("creds", ["anonymous", "anon", google.auth.credentials.AnonymousCredentials()])
def test_nobody(google_, storage, creds):
    storage.buckets["bucket"].public = True
    nobody = opened(creds)
    assert bytes(nobody.get("k")) == b"stored"
    assert nobody.checks()[0].run() == "nobody: asked without a token"
    with pytest.raises(PermissionDeniedError, match="anonymous requests are refused here: pass creds="):
        nobody.put("new", b"x")
    storage.buckets["bucket"].public = False
    with pytest.raises(PermissionDeniedError, match="anonymous requests are refused here"):
        nobody.get("k")


def test_a_function_that_gives_tokens(google_, storage):
    works(opened(lambda: {"token": storage.issue(), "expires_at": "2099-01-01"}))
    with pytest.raises(PermissionDeniedError):
        opened(lambda: {"token": CANARY}).get("k")


# the environment, and what is found


def test_the_environment(google_, write):
    path = write(google_.service_account())
    assert works(opened(GOOGLE_APPLICATION_CREDENTIALS=path)).source == "environment"
    found = credentials_from(parse("gcs://bucket"), "google_default", environ={"GOOGLE_APPLICATION_CREDENTIALS": path})
    assert found().source == "environment"
    name = "the file in GOOGLE_APPLICATION_CREDENTIALS"
    for content, message in {
        "/no/such/file": f"{name} cannot be read (No such file or directory)",
        write("no json"): f"{name} is no JSON object",
        write(google_.client_file(), "client.json"): f"{name} is an OAuth client",
        json.dumps({"private_key": CANARY}): f"{name} cannot be read",
    }.items():
        with pytest.raises(CredentialsError) as caught:
            opened(GOOGLE_APPLICATION_CREDENTIALS=content).get("k")
        assert message in str(caught.value)
        assert CANARY not in everything_said(caught.value)


def test_the_order(google_, storage, write, tmp_path):
    first, second, third = (google_.service_account(f"{name}@x") for name in ("first", "second", "third"))
    write(third, "application_default_credentials.json")
    environ = {"CLOUDSDK_CONFIG": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": write(second)}
    assert works(opened(first, **environ)).account == "first@x"
    assert works(opened(**environ)).account == "second@x"
    assert works(opened(CLOUDSDK_CONFIG=str(tmp_path))).account == "third@x"
    with pytest.raises(MissingCredentialsError):
        opened().get("k")
    rows = credentials_from(parse("gcs://bucket"), environ=environ).explain()
    assert [(row.source, row.outcome.partition("(")[0]) for row in rows] == [
        ("argument", "none given"),
        ("environment", "in force: GcsCredentials"),
        ("application default credentials", "not asked"),
        ("metadata server", "not asked"),
    ]
    assert "account='second@x'" in rows[1].outcome


def test_an_emulator_gets_nothing_that_is_found(google_, storage, write):
    storage.buckets["bucket"].public = True
    url = parse("gcs://bucket/x")
    environ = os.environ | {"GOOGLE_APPLICATION_CREDENTIALS": write(google_.service_account())}
    found = open_storage(url, credentials_from(url, environ=environ))
    assert bytes(found.get("k")) == b"stored"
    assert found.api.credentials().source == "emulator"
    assert storage.tokens == {}


ON_A_MACHINE = """
import os, sys
from deeplake_nb.credentials import gcs_tokens
from deeplake_nb.errors import LakeError
gcs_tokens._METADATA_SECONDS = 60  # and not two, on a machine that is busy
from deeplake_nb.session import Session
storage = Session().storage("gcs://bucket/x", {"endpoint_url": sys.argv[1]})
try:
    print(bytes(storage.get("k")), storage.api.credentials().source, storage.api.credentials().account)
except LakeError as error:
    print(type(error).__name__, error)
"""


def test_the_account_of_a_machine(google_, storage):
    host = google_.endpoint.removeprefix("http://")
    environ = os.environ | {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host}
    del environ["NO_GCE_CHECK"], environ["STORAGE_EMULATOR_HOST"]

    def said():
        code = [sys.executable, "-c", ON_A_MACHINE, storage.endpoint]
        done = subprocess.run(code, env=environ, capture_output=True, text=True, check=True)
        assert not done.stderr
        return done.stdout.strip()

    nobody = "MissingCredentialsError no credentials for gcs://bucket/x: tried argument (none given), environment"
    assert said().startswith(nobody)
    google_.machine = "machine@project.iam.gserviceaccount.com"
    assert said() == f"b'stored' metadata server {google_.machine}"
    google_._issued = lambda account, scope: {"access_token": "wrong", "expires_in": 60, "token_type": "Bearer"}
    assert "credentials: metadata server): the token is wrong, was revoked, or its time is over" in said()
    environ["NO_GCE_CHECK"] = "true"
    assert said().startswith(nobody)


# time


def test_a_long_job_outlives_its_tokens(google_, storage):
    """The SDK has a clock of its own, and asks anew for what ends within a few minutes there."""
    clock, google_.seconds, issued = Clock(), 200, google_._issued
    storage._clock = lambda: clock().timestamp()
    ends = timedelta(seconds=google_.seconds)
    google_._issued = lambda *given: issued(*given) | {"expires_in": int((clock() + ends).timestamp() - time.time())}
    found = opened(google_.service_account(), clock)

    def work(_):
        assert bytes(found.get("k")) == b"stored"

    in_rounds(work, clock, timedelta(minutes=1), rounds=6)
    assert google_.requests.count("/token") == 2, "one asks for all"


def test_a_token_is_asked_for_once(google_, storage):
    found = opened(google_.service_account())
    with ThreadPoolExecutor(16) as pool:
        assert len(list(pool.map(found.get, ["k"] * 32))) == 32
    assert google_.requests == ["/token"]


def test_a_busy_token_server_is_survived(google_):
    google_.busy = 1
    works(opened(google_.service_account()))


def test_a_token_server_that_is_not_there(google_):
    with pytest.raises(StorageError) as caught:
        opened(google_.service_account(token_uri="http://127.0.0.1:9/token")).get("k")
    assert str(caught.value) == (
        "argument: the server that gives tokens cannot be reached (NewConnectionError): check the network"
    )


def test_a_key_that_was_replaced_is_read_again(google_, write):
    old = google_.service_account()
    path = write(old)
    google_.service_account()
    found = opened(GOOGLE_APPLICATION_CREDENTIALS=path)
    with pytest.raises(PermissionDeniedError):
        found.get("k")
    write(google_.service_account())
    works(found)


# a dataset


def test_a_dataset_lives_in_a_bucket(google_, storage):
    storage.buckets["bucket"].objects.clear()
    key = google_.service_account()
    with deeplake_nb.empty("gcs://bucket/numbers", creds=key) as ds:
        ds.create_tensor("x")
        ds.x.extend(np.arange(10))
    storage.requests.clear()
    ds = deeplake_nb.load("gs://bucket/numbers", creds=key)
    assert len(storage.requests) < 12
    with ds:
        ds.create_tensor("texts", htype="text")
        ds.texts.extend(["a", "b"])
        ds.x.append(10)
    again = deeplake_nb.load("gcs://bucket/numbers", creds=key, read_only=True)
    assert again.x[10].numpy().tolist() == [10]
    assert again.texts[1].text() == "b"
    assert deeplake_nb.exists("gcs://bucket/numbers", creds=key)
    deeplake_nb.delete("gcs://bucket/numbers", creds=key)
    assert storage.buckets["bucket"].objects == {}
    assert not deeplake_nb.exists("gcs://bucket/numbers", creds=key)


# nothing leaks


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


def leaky(google_, write):
    """Credentials with secrets in them, of which each fails at another place; by name."""
    robot, user = google_.service_account(), google_.authorized_user()
    google_.service_account()
    secret_user = user | {"refresh_token": CANARY, "client_secret": f"{CANARY}s"}
    federated = google_.federation(write(CANARY, "token"))
    return {
        "key refused": (robot, {}),
        "key unreachable": (robot | {"token_uri": "http://127.0.0.1:9/token"}, {}),
        "key elsewhere": (robot | {"token_uri": f"{google_.endpoint}/nothing"}, {}),
        "user refused": (user | {"refresh_token": CANARY}, {}),
        "client refused": (secret_user, {}),
        "user unreachable": (secret_user | {"token_uri": "http://127.0.0.1:9/token"}, {}),
        "impersonation refused": (google_.impersonating(user), {}),
        "federation refused": (federated, {}),
        "token refused": ({"token": CANARY}, {}),
        "token unreachable": ({"token": CANARY, "endpoint_url": "http://127.0.0.1:9"}, {}),
        "token put": ({"token": CANARY}, {}),
        "environment": (None, {"GOOGLE_APPLICATION_CREDENTIALS": write(secret_user)}),
        "session": (secret_user, {}),
    }


LEAKY = (
    "key refused",
    "key unreachable",
    "key elsewhere",
    "user refused",
    "client refused",
    "user unreachable",
    "impersonation refused",
    "federation refused",
    "token refused",
    "token unreachable",
    "token put",
    "environment",
    "session",
)


@pytest.mark.parametrize("case", LEAKY)
def test_bad_credentials_are_refused_and_never_shown(google_, write, case, caplog, monkeypatch):
    monkeypatch.setattr("deeplake_nb.storage.retries._FIRST_SECONDS", 0.0)
    creds, environ = leaky(google_, write)[case]
    for logger in ("", "urllib3", "google.auth", "deeplake_nb"):
        caplog.set_level(logging.DEBUG, logger)
    found = Session().storage("gcs://bucket/x", creds) if case == "session" else opened(creds, **environ)
    with pytest.raises((CredentialsError, PermissionDeniedError, StorageError)) as caught:
        found.put("k", b"x") if case == "token put" else found.get("k")
    said = everything_said(caught.value) + "".join(traceback.format_exception(caught.value))
    said += caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    said += repr(found) + repr(vars(found)) + repr(vars(found.api)) + repr(vars(found.api._provider))
    assert caplog.records
    secrets = [CANARY, *google_.users]
    if isinstance(creds, dict) and "private_key" in creds:
        secrets += creds["private_key"].splitlines()[1:-1]
        secrets += ["eyJhbGciOi"]  # how signed requests begin
    assert [secret for secret in secrets if secret in said] == []


def test_good_credentials_are_never_shown_either(google_, storage, caplog):
    for logger in ("", "urllib3", "google.auth", "deeplake_nb"):
        caplog.set_level(logging.DEBUG, logger)
    key = google_.service_account()
    found = opened(key)
    works(found)
    said = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    said += repr(found.api.credentials()) + repr(vars(found.api._provider))
    said += repr(credentials_from(parse("gcs://bucket"), key, environ={}).explain())
    assert len(caplog.records) > 5
    assert [secret for secret in (*storage.tokens, *key["private_key"].splitlines()[1:-1]) if secret in said] == []
    with pytest.raises((CredentialsError, TypeError)):
        pickle.dumps(found)
    with pytest.raises((CredentialsError, TypeError)):
        pickle.dumps(found.api.credentials())
