"""Lending on Google Cloud Storage: boundaries as written, and on a server that keeps to them."""

from __future__ import annotations

import json
import logging
import os
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import (
    CredentialsError,
    KeyNotFoundError,
    MissingCredentialsError,
    PermissionDeniedError,
    StorageError,
    UnsupportedError,
)
from deeplake_nb.hub import vending
from deeplake_nb.hub.vending.gcs import boundary
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import delete_all
from deeplake_nb.urls import Url, parse
from tests.fakes import gcs, oauth

GOLDEN = Path(__file__).parents[1] / "golden"
PLACE = "gcs://bucket/team/cars"


@pytest.fixture
def storage():
    with gcs.emulator() as storage:
        storage.buckets["bucket2"] = gcs.Bucket()
        for bucket in ("bucket", "bucket2"):
            for folder in ("", "team/", "team/cars/", "team/cars2/"):
                storage.write(bucket, f"{folder}k", b"stored")
        yield storage


@pytest.fixture
def google_(storage):
    with oauth.google(storage) as service:
        yield service


@pytest.fixture
def key(storage, google_):
    """A managed key: a service account that may do everything in every bucket."""
    return {
        "key": google_.service_account(),
        "endpoint_url": storage.endpoint,
        "sts_endpoint_url": google_.endpoint,
    }


def opened(creds, place=PLACE):
    url = parse(place)
    return open_storage(url, credentials_from(url, creds, environ={}))


CASES = {
    "read": ([parse(PLACE)], "r"),
    "append": ([parse(PLACE)], "a"),
    "full": ([parse(PLACE)], "w"),
    "bucket": ([parse("gcs://bucket")], "r"),
    "several": ([parse(PLACE), parse("gcs://other/raw")], "r"),
    "odd": ([parse("gcs://bucket/it's/a\\b\u200b/' || true || '")], "r"),
}


@pytest.mark.parametrize("name", CASES)
def test_boundaries_are_as_reviewed(name):
    assert boundary(*CASES[name]) == json.loads((GOLDEN / f"boundary-{name}.json").read_text())


def test_google_takes_ten_places_and_no_more():
    assert len(boundary([parse(f"gcs://b/{n}") for n in range(10)], "r")["accessBoundary"]["accessBoundaryRules"]) == 10
    with pytest.raises(CredentialsError, match="10 places at most, not 11"):
        boundary([parse(f"gcs://b/{n}") for n in range(11)], "r")


@given(st.text("ab'\\\\|/ ü\n", min_size=1, max_size=12), st.text("ab'\\\\|/ ü\n", max_size=12))
def test_no_name_leads_out_of_its_folder(folder, other):
    [rule] = boundary([Url("gcs", "bucket", folder)], "r")["accessBoundary"]["accessBoundaryRules"]
    assert gcs._is_within(rule, "get", "bucket", f"{folder}/k", "")
    assert gcs._is_within(rule, "get", "bucket", other, "") == other.startswith(f"{folder}/")
    assert gcs._is_within(rule, "list", "bucket", None, other) == other.startswith(f"{folder}/")
    assert not gcs._is_within(rule, "get", "bucket2", f"{folder}/k", "")


VERBS = {
    "get": lambda storage: storage.get("k"),
    "size": lambda storage: storage.size("k"),
    "list": lambda storage: list(storage.list()),
    "put": lambda storage: storage.put("new", b"x"),
    "replace": lambda storage: storage.put("k", b"y"),
    "delete": lambda storage: storage.delete("k"),
    "delete all": delete_all,
}
ALLOWED = {"r": {"get", "size", "list"}, "a": {"get", "size", "list", "put"}, "w": set(VERBS)}


@pytest.mark.parametrize("mode", ["r", "a", "w"])
def test_lent_tokens_do_what_their_mode_says_and_nothing_elsewhere(storage, key, mode):
    creds = vending.vend("gcs-account", key, PLACE, mode).creds
    elsewhere = [f"{PLACE}2", "gcs://bucket/team", PLACE.replace("bucket", "bucket2"), "gcs://bucket", "gcs://bucket2"]
    for verb, do in VERBS.items():
        for other in elsewhere:
            with pytest.raises(PermissionDeniedError):
                do(opened(creds, other))
        if verb not in ALLOWED[mode]:
            with pytest.raises(PermissionDeniedError):
                do(opened(creds))
    for verb, do in VERBS.items():
        if verb in ALLOWED[mode]:
            do(opened(creds))
    for name in ("k", "team/k", "team/cars2/k"):
        assert storage.read("bucket", name) == b"stored"


def test_what_is_not_there_is_not_there(key):
    """Google tells nobody so who may not list the whole bucket."""
    storage = opened(vending.vend("gcs-account", key, PLACE, "r").creds)
    for read in (storage.get, storage.size):
        with pytest.raises(KeyNotFoundError, match="no object gcs://bucket/team/cars/no"):
            read("no")


def test_a_token_cannot_be_widened_again(key):
    creds = vending.vend("gcs-account", key, PLACE, "r").creds
    import urllib.error
    import urllib.parse
    import urllib.request

    rules = urllib.parse.quote(json.dumps(boundary([parse("gcs://bucket")], "w")))
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": creds["token"].reveal(),
        "options": rules,
    }
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{key['sts_endpoint_url']}/v1/token", urllib.parse.urlencode(form).encode(), timeout=9)
    caught.value.close()


def test_what_is_lent_ends_early_and_not_later_than_wanted(key):
    before = datetime.now(UTC)
    whole = vending.vend("gcs-account", key, PLACE, "r", ttl_seconds=100_000).expires_at
    found = vending.vend("gcs-account", key, PLACE, "r", ttl_seconds=600)
    after = datetime.now(UTC)
    assert before + timedelta(minutes=55) < whole < after + timedelta(minutes=59)
    assert before + timedelta(seconds=500) < found.expires_at < after + timedelta(seconds=550)
    assert found.creds["expires_at"] == found.expires_at.isoformat()
    assert set(found.creds) == {"token", "endpoint_url", "expires_at"}


def test_the_hub_acts_as_an_account_that_lets_it(storage, google_, key, tmp_path):
    """With its own identity, which may do nothing else."""
    target = "lake@project.iam.gserviceaccount.com"
    fields = {"service_account": target, "endpoint_url": storage.endpoint, "sts_endpoint_url": google_.endpoint}
    own = google_.service_account("hub@project.iam.gserviceaccount.com")
    (tmp_path / "hub.json").write_text(json.dumps(own))
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "hub.json")}
    with pytest.raises(PermissionDeniedError, match="run what provisioning prints"):
        vending.vend("gcs-impersonation", fields, PLACE, "r", environ=environ)
    google_.impersonators.add((own["client_email"], target))
    creds = vending.vend("gcs-impersonation", fields, PLACE, "r", environ=environ).creds
    assert bytes(opened(creds).get("k")) == b"stored"
    assert storage.tokens[creds["token"].reveal()].account == target
    with pytest.raises(PermissionDeniedError):
        opened(creds, f"{PLACE}2").get("k")


def test_a_hub_without_an_identity_says_so(storage, google_):
    fields = {"service_account": "a@b.iam.gserviceaccount.com", "endpoint_url": storage.endpoint}
    fields["sts_endpoint_url"] = google_.endpoint
    with pytest.raises(MissingCredentialsError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        vending.vend("gcs-impersonation", fields, PLACE, "r", environ={**os.environ, "NO_GCE_CHECK": "true"})


def test_an_emulator_without_such_a_service_lends_whole_tokens_only_if_it_may(storage, key):
    del key["sts_endpoint_url"]
    assert vending.vend("gcs-account", key, PLACE, "r").creds is None
    creds = vending.vend("gcs-account", key, PLACE, "r", lends_itself=True).creds
    assert set(creds) == {"token", "endpoint_url", "expires_at"}
    assert bytes(opened(creds, "gcs://bucket2").get("k")) == b"stored"


def test_a_key_that_was_deleted_is_refused_and_shown_nowhere(google_, key, caplog):
    caplog.set_level(logging.DEBUG)
    secret = key["key"]["private_key"].splitlines()[3]
    vending.vend("gcs-account", key, PLACE, "r")
    google_.accounts.clear()
    with pytest.raises(PermissionDeniedError, match="the managed key was refused a token") as caught:
        vending.vend("gcs-account", key, PLACE, "r")
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    shown = [str(f.locals) for f in frames if "/deeplake_nb/" in f.filename]
    assert len(shown) > 2
    assert all(secret not in text for text in [str(caught.value), caplog.text, *shown])
    assert all(token not in caplog.text for token in google_.storage.tokens)


def test_a_service_that_does_not_answer_is_no_refusal(key):
    key["sts_endpoint_url"] = "http://127.0.0.1:9"
    with pytest.raises(StorageError, match="cannot be reached"):
        vending.vend("gcs-account", key, PLACE, "r")


def test_addresses_are_signed_with_the_accounts_key(storage, google_, key):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    address = urlsplit(vending.presign("gcs-account", key, PLACE, "GET", "a b", ttl_seconds=60))
    assert f"{address.scheme}://{address.netloc}" == storage.endpoint
    assert address.path == "/bucket/team/cars/a%20b"
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert query["X-Goog-Expires"] == "60"
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    unsigned = address.query.rpartition("&X-Goog-Signature=")[0]
    canonical = f"GET\n{address.path}\n{unsigned}\nhost:{address.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    import hashlib

    digest = hashlib.sha256(canonical.encode()).hexdigest()
    scope = query["X-Goog-Credential"].partition("/")[2]
    text = f"GOOG4-RSA-SHA256\n{query['X-Goog-Date']}\n{scope}\n{digest}"
    google_.accounts[key["key"]["client_email"]].verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(UnsupportedError, match="cannot sign a listing"):
        vending.presign("gcs-account", key, PLACE, "LIST", "")
