"""A secret goes through every path, failures included, and comes out nowhere."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from azure.storage.blob import generate_container_sas

import deeplake_nb
from deeplake_nb.errors import LakeError
from deeplake_nb.session import Session
from deeplake_nb.storage import retries
from tests.fakes import azurite, gcs, moto, oauth
from tests.fakes.canned import canned_server, refusal
from tests.fakes.indiscreet import frames
from tests.fakes.web import send, web_server

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"
ROOT = Path(__file__).parents[1]


def watch(process, seen):
    """Note the arguments of the process and of all that descend from it, as any user of the machine can."""
    while process.poll() is None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (folder / "cmdline").read_bytes()
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            if int(folder.name) == process.pid or parent == process.pid:
                seen.add(arguments)
        time.sleep(0.05)


@contextlib.contextmanager
def other_clouds(folder):
    """Azure and Google: what the session is given, and what is stored there and must not be said, once it is over."""
    with azurite.azurite() as azure, gcs.emulator() as storage, oauth.google(storage) as google:
        ends = datetime.now(UTC) + timedelta(hours=1)
        sas = generate_container_sas(azurite.ACCOUNT, "box", account_key=azurite.KEY, permission="racwdl", expiry=ends)
        key = google.service_account()
        other = google.service_account()  # replaces it
        (folder / "client.json").write_text(json.dumps(google.client_file()))
        given = {"azure": azure, "account": azurite.ACCOUNT, "key": azurite.KEY, "wrong_key": CANARY, "sas": sas}
        given |= {"gcs": storage.endpoint, "token": storage.issue(), "key_file": other, "other_key_file": key}

        def stored():
            for name, found in storage.buckets["bucket"].objects.items():
                yield name, found.content
            for blob in box.list_blobs():
                yield blob.name, box.download_blob(blob.name).readall()

        def secrets():
            lines = {line for kind in (key, other) for line in kind["private_key"].splitlines()[1:-2]}
            signed = sas.partition("sig=")[2].partition("&")[0]
            return (
                {CANARY, azurite.KEY, signed, unquote(signed), "client-s3cret"}
                | lines
                | {*storage.tokens}
                | {*google.given}
                | {*google.users}
            )

        with azurite.behind(azure, "box") as box:
            yield SimpleNamespace(given=given, client=str(folder / "client.json"), stored=stored, secrets=secrets)


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """The folder in which an indiscreet session lived, with all it said; and what it must not have said."""
    folder = tmp_path_factory.mktemp("indiscreet")
    clouds = other_clouds(tmp_path_factory.mktemp("given"))
    with moto.moto_server() as good, canned_server() as bad, web_server() as web, clouds as others:
        moto.client(good).create_bucket(Bucket="bucket")
        bad.answers = [refusal(403, "SignatureDoesNotMatch")]
        web.pages["/data/dataset_meta.json"] = lambda handler: send(handler, 403, b"")
        keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": CANARY, "AWS_SESSION_TOKEN": f"{CANARY}-token"}
        environ = os.environ | keys | {"PYTHONPATH": str(ROOT), "AWS_MAX_ATTEMPTS": "1", "HOME": str(folder)}
        environ |= {"OAUTHLIB_INSECURE_TRANSPORT": "1", "DEEPLAKE_NB_GCS_CLIENT": others.client}
        environ |= {"STORAGE_EMULATOR_HOST": others.given["gcs"]}
        command = [sys.executable, "-m", "tests.fakes.indiscreet", good, bad.endpoint, web.endpoint]
        with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=out, stderr=err, env=environ)
            with process.stdin as into:
                into.write(json.dumps(others.given).encode())
            seen = set()
            watcher = threading.Thread(target=watch, args=(process, seen))
            watcher.start()
            assert process.wait(timeout=240) == 0, (folder / "stderr.txt").read_text()[-3000:]
            watcher.join()
        (folder / "processes.txt").write_bytes(b"\n".join(seen))
        behind = moto.client(good)
        listed = [entry["Key"] for entry in behind.list_objects_v2(Bucket="bucket")["Contents"]]
        stored = [(key, behind.get_object(Bucket="bucket", Key=key)["Body"].read()) for key in listed]
        (folder / "stored").mkdir()
        for number, (name, content) in enumerate([*stored, *others.stored()]):
            (folder / "stored" / str(number)).write_bytes(name.encode() + b"\n" + content)
        return SimpleNamespace(folder=folder, secrets={secret.encode() for secret in others.secrets()})


def test_the_session_did_all_it_should(said):
    folder = said.folder
    out, shown = (folder / "stdout.txt").read_text(), (folder / "frames.txt").read_text()
    assert "said all" in out
    assert "Out[" in out
    assert "4950" in out
    for word in ("in force", "SignatureDoesNotMatch", "DatasetNotFoundError", "Traceback", "ExpiredCredentialsError"):
        assert word in out, word
    assert "AKIA" in shown
    assert shown.count("int64(4950)") == 7  # read on Azure with a key, a token, a connection string; on Google likewise
    for word in (
        "AuthorizationFailure",
        "tiles.error",
        "gallery {",
        "invalid_grant",
        "signed out of 1",
        "access_denied",
        "belongs to another sign-in",
    ):
        assert word in shown, word
    assert len((folder / "log.txt").read_text().splitlines()) > 1000
    assert len((folder / "tracebacks.txt").read_text().split("Traceback")) >= 30
    assert (folder / "history.sqlite").stat().st_size > 1000
    assert len(list((folder / "stored").iterdir())) > 30
    assert b"tests.fakes.indiscreet" in (folder / "processes.txt").read_bytes()


def test_a_secret_came_out_nowhere(said):
    assert len(said.secrets) > 30
    wanted = {*said.secrets, *(secret[::-1] for secret in said.secrets)}
    found = {}
    for path in said.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found[path.relative_to(said.folder)] = [secret for secret in wanted if secret in content]
    assert len(found) > 60
    assert {path: secrets for path, secrets in found.items() if secrets} == {}


# what a user gives by mistake, to every function that takes credentials

MISTAKES = {
    "half a set": {"aws_secret_access_key": CANARY},
    "an unknown key": {"aws_key": CANARY},
    "bytes": {"aws_access_key_id": "AKIA", "aws_secret_access_key": CANARY.encode(), "aws_region": 7},
    "a list": {"aws_access_key_id": "AKIA", "aws_secret_access_key": [CANARY]},
    "a tuple": {"aws_access_key_id": "AKIA", "aws_secret_access_key": (CANARY,)},
    "the key itself": CANARY,
    "broken JSON": f'{{"aws_secret_access_key": "{CANARY}",',
    "JSON": f'{{"aws_secret_access_key": "{CANARY}"}}',
}
URLS = {"s3": "s3://bucket/x", "azure": "azure://account/box/x", "gcs": "gcs://bucket/x"}
FUNCTIONS = [name for name, _ in inspect.getmembers(Session, inspect.isfunction) if not name.startswith("_")]


def taking(word):
    """Public functions with parameters whose names end in the word: (function, that parameter)."""
    for name in FUNCTIONS:
        for parameter in inspect.signature(getattr(Session, name)).parameters:
            if parameter.endswith(word):
                yield name, parameter


def what_is_shown(use):
    """All that a verbose traceback shows of what ``use`` raises, or what it gives."""
    try:
        return repr(use())
    except LakeError as error:
        shown = io.StringIO()
        frames(error, shown, own=[__file__])
        return f"LakeError {error} {shown.getvalue()}"


def call(name, parameter, value, url):
    """Call a function with one odd argument; the others fit."""
    session = Session()
    paths = {"src": "mem://nothing", "dest": "mem://new", "path": url}
    if parameter in ("src_creds", "dest_creds"):
        paths[parameter.removesuffix("_creds")] = url
    wanted = inspect.signature(getattr(session, name)).parameters.values()
    needed = [wish.name for wish in wanted if wish.default is wish.empty and wish.kind is wish.POSITIONAL_OR_KEYWORD]
    given = {word: paths.get(word, "mem://nothing") for word in needed}
    found = getattr(session, name)(**(given | {parameter: value}))
    if hasattr(found, "array"):  # it is opened when it is looked at
        found.array  # noqa: B018
    elif hasattr(found, "list"):
        list(found.list())
    return found


def test_the_functions_that_take_credentials_are_all_tried():
    known = {(name, "creds") for name in ("dataset", "delete", "doctor", "empty", "exists", "explain", "load", "read")}
    assert set(taking("creds")) >= known | {("copy", "src_creds"), ("copy", "dest_creds"), ("storage", "creds")}


@pytest.mark.parametrize("scheme", URLS)
@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize(("name", "parameter"), [*taking("creds")])
def test_a_mistake_shows_no_secret(name, parameter, mistake, scheme):
    shown = what_is_shown(lambda: call(name, parameter, MISTAKES[mistake], URLS[scheme]))
    assert shown.startswith("LakeError")
    assert "creds" in shown
    assert CANARY not in shown


@pytest.mark.parametrize(
    "url", [f"https://me:{CANARY}@127.0.0.1:9/x?sig={CANARY}", f"s3://me:{CANARY}@bucket", f"no://me:{CANARY}@h"]
)
@pytest.mark.parametrize(("name", "parameter"), [*taking("path"), *taking("src"), *taking("dest")])
def test_a_url_with_a_secret_is_not_shown(name, parameter, url, monkeypatch):
    monkeypatch.setattr(retries, "_FIRST_SECONDS", 0.0)
    shown = what_is_shown(lambda: call(name, parameter, url, url))
    assert shown.startswith("LakeError") or name in ("doctor", "explain", "link")
    assert CANARY not in shown


WITH_OPTIONS = [name for name in FUNCTIONS if "options" in inspect.signature(getattr(Session, name)).parameters]


@pytest.mark.parametrize(
    ("name", "option"),
    [*taking("token"), *((name, option) for name in WITH_OPTIONS for option in ("token", "tokn"))],
)
def test_a_token_of_a_hub_is_not_shown(name, option):
    """As an argument, as one of the options of the original, and as one that nobody knows."""
    shown = what_is_shown(lambda: call(name, option, CANARY, "no://such/place"))
    assert shown.startswith("LakeError") or name == "hub"
    assert CANARY not in shown


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_dataset_that_is_copied_shows_no_secret(mistake):
    ds = deeplake_nb.empty("mem://secrets-copied", overwrite=True)
    shown = what_is_shown(lambda: ds.copy("s3://bucket/x", creds=MISTAKES[mistake]))
    assert shown.startswith("LakeError")
    assert CANARY not in shown


@pytest.mark.parametrize("mistake", MISTAKES)
def test_credentials_for_links_show_no_secret(mistake):
    ds = deeplake_nb.empty("mem://secrets-links", overwrite=True)
    ds.create_tensor("photos", htype="link[image]", sample_compression="jpeg")
    ds.add_creds_key("mine")
    unknown = what_is_shown(lambda: ds.populate_creds("other", MISTAKES[mistake]))
    assert unknown.startswith("LakeError")
    ds.populate_creds("mine", MISTAKES[mistake])

    def follow():
        ds.photos.append(deeplake_nb.link("s3://bucket/cat.jpg", creds_key="mine"))
        return ds.photos[0].numpy()

    followed = what_is_shown(follow)
    assert followed.startswith("LakeError")
    assert "creds" in followed
    storage = ds._state.storage
    kept = [bytes(storage.get(entry.key)) for entry in storage.list()]
    assert CANARY not in f"{unknown} {followed} {ds!r} {kept}"
