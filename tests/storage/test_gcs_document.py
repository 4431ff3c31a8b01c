"""What Deep Lake's page on storage options says of Google Cloud Storage runs as it is written there."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.errors import CredentialsError, MissingCredentialsError
from deeplake_nb.session import Session
from tests.fakes import gcs, oauth

# The page's blocks; <information from the JSON file> stands for what is in the file.
BY_PATH = """
ds = deeplake.load('gcs://.....', creds = 'path_to_keys.json')
"""
BY_CONTENT = """
ds = deeplake.load('gcs://.....',
                   creds = {<information from the JSON file>}
                   )
"""
BY_BROWSER = """
ds = deeplake.load('gcs://.....',
                   creds = 'browser' # Switch to 'cache' after doing this once
                   )
"""
BY_CACHE = BY_BROWSER.replace("'browser' #", "'cache' #")


@pytest.fixture
def google(monkeypatch, tmp_path):
    """Google, a dataset in a bucket, and a working folder with the key's file."""
    with gcs.emulator() as storage, oauth.google(storage) as google:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.endpoint)
        monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # there is no https here
        monkeypatch.chdir(tmp_path)
        key = google.service_account()
        (tmp_path / "path_to_keys.json").write_text(json.dumps(key))
        ds = deeplake_nb.empty("gcs://bucket/numbers", creds=key)
        ds.create_tensor("x")
        ds.x.extend(np.arange(10))
        ds.flush()
        yield google


def run(block):
    """The numbers in the dataset that the block opens."""
    content = Path("path_to_keys.json").read_text().strip().removeprefix("{").removesuffix("}")
    code = block.replace("gcs://.....", "gcs://bucket/numbers").replace("<information from the JSON file>", content)
    names = {"deeplake": deeplake_nb}
    exec(code, names)
    return names["ds"].x.numpy().ravel().tolist()


@pytest.mark.parametrize("block", [BY_PATH, BY_CONTENT], ids=["path", "content"])
def test_a_key(google, block):
    assert run(block) == list(range(10))


@pytest.mark.parametrize("block", [BY_PATH, BY_CONTENT], ids=["path", "content"])
def test_a_key_that_is_refused(google, block):
    google.accounts.clear()
    with pytest.raises(PermissionError, match=r"argument was refused a token \(invalid_grant\)"):
        run(block)


def test_browser_then_cache(google, monkeypatch, tmp_path):
    """After gcloud is initialised and logged in, which leaves the project credentials on the machine."""
    with pytest.raises(CredentialsError, match="creds='browser' needs an OAuth client"):
        run(BY_BROWSER)
    with pytest.raises(MissingCredentialsError, match="nobody has signed in on this machine"):
        run(BY_CACHE)
    folder = tmp_path / "gcloud"
    folder.mkdir()
    login = google.authorized_user(auth_uri=f"{google.endpoint}/auth")
    (folder / "application_default_credentials.json").write_text(json.dumps(login))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(folder))
    with pytest.raises(CredentialsError, match="creds='browser' needs somebody to answer, and this process has no"):
        run(BY_BROWSER)
    session = Session(lead=consent)
    monkeypatch.setattr("deeplake_nb.session.default", lambda: session)
    assert run(BY_BROWSER) == list(range(10))
    monkeypatch.delenv("CLOUDSDK_CONFIG")
    assert run(BY_CACHE) == list(range(10))
    [kept] = Path(os.environ["HOME"], ".config", "deeplake-nb", "gcs").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


def consent(under_way):
    """What a person does in the browser (a real one is in tests/browser)."""
    request = urllib.request.Request(under_way.url, data=b"choice=allow", method="POST")
    with urllib.request.urlopen(request) as page:
        assert b"Received" in page.read()


def test_a_dataset_lives_in_a_bucket(google):
    key = json.loads(Path("path_to_keys.json").read_text())
    google.storage.requests.clear()
    ds = deeplake_nb.load("gs://bucket/numbers", creds=key)
    assert len(google.storage.requests) < 12
    with ds:
        ds.create_tensor("texts", htype="text")
        ds.texts.extend(["a", "b"])
        ds.x.append(10)
    again = deeplake_nb.load("gcs://bucket/numbers", creds=key, read_only=True)
    assert again.x[10].numpy().tolist() == [10]
    assert again.texts[1].text() == "b"
    assert deeplake_nb.exists("gcs://bucket/numbers", creds=key)
    deeplake_nb.delete("gcs://bucket/numbers", creds=key)
    assert google.storage.buckets["bucket"].objects == {}
    assert not deeplake_nb.exists("gcs://bucket/numbers", creds=key)
