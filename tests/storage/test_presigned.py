"""Storage by addresses that somebody else signs: the suite, their keeping and their secrecy."""

from __future__ import annotations

import logging
import pickle
import re
import traceback
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from deeplake_nb.errors import (
    CredentialsError,
    KeyNotFoundError,
    PermissionDeniedError,
    StorageError,
    UrlError,
)
from deeplake_nb.hub import vending
from deeplake_nb.storage import presigned, s3_listing
from deeplake_nb.storage.presigned import PresignedStorage
from deeplake_nb.urls import parse
from tests.fakes import canned, moto
from tests.suites.behind_s3 import BehindS3
from tests.suites.storage import StorageSuite

CANARY = "c4naryC4NARYc4naryC4NARY"


class Signer:
    """What a hub does for `PresignedStorage`, counted; ``ttl_seconds`` and ``endpoint`` can be changed on the way."""

    def __init__(self, url, endpoint, ttl_seconds=3600, **keys):
        self.url, self.endpoint, self.ttl_seconds = url, endpoint, ttl_seconds
        self.keys = keys or moto.ADMIN
        self.asked = Counter()

    def __call__(self, method, key):
        self.asked[method, key] += 1
        fields = {**self.keys, "endpoint_url": self.endpoint}
        return vending.presign("aws-keys", fields, self.url, method, key, ttl_seconds=self.ttl_seconds)


class TestPresigned(BehindS3, StorageSuite):
    @pytest.fixture
    def provider(self, s3_endpoint, s3_url):
        url = parse(s3_url)
        return PresignedStorage(url, Signer(url, s3_endpoint))

    @pytest.fixture(autouse=True)
    def _behind(self, s3_behind):
        self.behind = s3_behind


@pytest.fixture
def signer(s3_endpoint, s3_url):
    return Signer(parse(s3_url), s3_endpoint)


def test_addresses_are_kept_until_they_end(signer):
    now = [datetime.now(UTC)]
    storage = PresignedStorage(signer.url, signer, clock=lambda: now[0])
    storage.put("k", b"stored")
    for _ in range(3):
        assert bytes(storage.get("k")) == b"stored"
    assert signer.asked == {("PUT", "k"): 1, ("GET", "k"): 1}
    now[0] += timedelta(seconds=3500)
    storage.get("k")
    assert signer.asked["GET", "k"] == 1
    now[0] += timedelta(seconds=75)  # half a minute before the end
    storage.get("k")
    assert signer.asked["GET", "k"] == 2


def test_not_more_addresses_are_kept_than_there_is_room_for(signer, monkeypatch):
    monkeypatch.setattr(presigned, "_MOST_ADDRESSES", 2)
    storage = PresignedStorage(signer.url, signer)
    for key in "abc":
        storage.put(key, b"x")
    assert len(storage._addresses) == 2
    storage.put("c", b"x")
    assert signer.asked["PUT", "c"] == 1
    storage.put("a", b"x")
    assert signer.asked["PUT", "a"] == 2


OK = canned.Answer(200, b"stored")


@pytest.fixture
def server():
    with canned.canned_server() as server:
        yield server


@pytest.fixture
def answered(server):
    """Storage on a server that gives these answers, and its signer."""

    def answered(*answers):
        server.answers, server.requests = list(answers), []
        signer = Signer(parse("s3://bucket/x"), server.endpoint)
        return PresignedStorage(signer.url, signer), signer

    return answered


def test_an_address_that_is_refused_is_asked_for_anew_once(answered, server):
    """Its key may have been rotated away since it was signed."""
    storage, signer = answered(OK, canned.refusal(403, "AccessDenied"), OK)
    assert bytes(storage.get("k")) == bytes(storage.get("k")) == b"stored"
    assert (signer.asked["GET", "k"], len(server.requests)) == (2, 3)
    storage, signer = answered(canned.refusal(403, "AccessDenied"))
    with pytest.raises(PermissionDeniedError, match="cannot get s3://bucket/x/k"):
        storage.get("k")
    assert (signer.asked["GET", "k"], len(server.requests)) == (1, 1)


def test_what_fails_by_chance_is_tried_again(answered, server):
    broken = canned.Answer(200, b"sto", declared=60)
    storage, _ = answered(canned.refusal(503, "SlowDown"), broken, canned.refusal(500, "InternalError"), OK)
    assert bytes(storage.get("k")) == b"stored"
    assert len(server.requests) == 4
    storage, _ = answered(canned.refusal(503, "SlowDown"))
    with pytest.raises(StorageError, match="overloaded"):
        storage.get("k")
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("status", "code", "error", "said"),
    [
        (404, "NoSuchKey", KeyNotFoundError, "no object s3://bucket/x/k"),
        (404, "NoSuchBucket", StorageError, "there is no such bucket"),
        (403, "SignatureDoesNotMatch", PermissionDeniedError, "SignatureDoesNotMatch"),
        (403, "ExpiredToken", CredentialsError, "get new temporary keys"),
        (301, "PermanentRedirect", StorageError, "aws_region"),
        (400, "Whatever", StorageError, "Whatever"),
        (418, "odd code!", StorageError, "418"),
    ],
)
def test_refusals_are_our_errors(answered, status, code, error, said):
    storage, _ = answered(canned.refusal(status, code))
    with pytest.raises(error, match=said) as caught:
        storage.get("k")
    assert "c4nary" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"", b"<ListBucket", b"not xml", b"<A><Contents><Key>x/k</Key><Size>many</Size></Contents></A>"]
)
def test_a_listing_that_is_none_is_no_empty_folder(answered, body):
    storage, _ = answered(canned.Answer(200, body))
    with pytest.raises(StorageError, match="cannot list s3://bucket/x"):
        list(storage.list())


def test_whoever_signs_may_refuse_or_talk_nonsense():
    url = parse("s3://bucket/x")

    def refuse(method, key):
        raise PermissionDeniedError("ask the organisation's admin")

    with pytest.raises(PermissionDeniedError, match="ask the organisation's admin"):
        PresignedStorage(url, refuse).get("k")
    for answer in ("", "nonsense", f"http://127.0.0.1/x?token={CANARY}", f"file:///etc/passwd?X-Amz-Date={CANARY}"):
        with pytest.raises(StorageError, match="no address of S3's") as caught:
            PresignedStorage(url, lambda method, key, answer=answer: answer).get("k")
        assert CANARY not in shown(caught.value)


def shown(error):
    """All of an error that anybody might print, the local variables of our frames included."""
    texts = []
    for one in (error, error.__cause__, error.__context__):
        if one is not None:
            whole = traceback.TracebackException.from_exception(one, capture_locals=True)
            texts += [str(f.locals) for f in whole.stack if "/deeplake_nb/" in f.filename]
            texts += [repr(one), str(one), str(getattr(one, "__notes__", ""))]
    return "\n".join(texts)


def test_no_signature_is_shown_anywhere(signer, caplog):
    caplog.set_level(logging.DEBUG)
    signer.keys = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "any", "aws_session_token": CANARY}
    signed = []

    def presign(method, key):
        signed.append(signer(method, key))
        return signed[-1]

    storage = PresignedStorage(signer.url, presign)
    storage.put("k", b"x")
    storage.get("k")
    assert list(storage.list())
    with pytest.raises(KeyNotFoundError) as missing:
        storage.get("no")
    signer.endpoint = "http://127.0.0.1:9"  # nobody listens there
    with pytest.raises(StorageError) as broken:
        storage.put("other", b"x")
    texts = [caplog.text, repr(storage), str(vars(storage)), shown(missing.value), shown(broken.value)]
    for address in signed:
        [signature] = parse_qs(urlsplit(address).query)["X-Amz-Signature"]
        assert all(signature not in text and CANARY not in text for text in texts)
    assert "get s3://" in caplog.text
    with pytest.raises((CredentialsError, TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(storage)


@pytest.mark.parametrize("key", ["nonsense", "prefix=a&prefix=b", "versions=", "list-type=1", "acl", "a=b"])
def test_a_listing_asks_for_nothing_else(key):
    with pytest.raises(UrlError, match="is no listing"):
        s3_listing.asked(key)


def test_what_a_listing_asks_for():
    assert s3_listing.asked("") == {}
    assert s3_listing.asked("prefix=a%2Fb&delimiter=%2F") == {"prefix": "a/b", "delimiter": "/"}


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE"])
def test_nothing_outside_the_folder_is_signed(signer, method):
    for key in ("../x", "a/../../x", "", "/x", "a//b"):
        with pytest.raises(UrlError):
            signer(method, key)
    for query in ("prefix=..%2F", "prefix=a%2F..%2F..%2Fb", "prefix=%2Fx"):
        with pytest.raises(UrlError):
            signer("LIST", query)
    address = urlsplit(signer("LIST", "prefix=a"))
    assert parse_qs(address.query)["prefix"] == [f"{signer.url.path}/a"]
    assert urlsplit(signer(method, "a b?c")).path == f"/bucket/{signer.url.path}/a%20b%3Fc"


def test_addresses_are_those_of_aws_where_no_endpoint_is_given():
    keys = {**moto.ADMIN, "aws_region": "eu-central-1"}
    for place, address in {
        "s3://bucket/x": "https://bucket.s3.eu-central-1.amazonaws.com/x/k?",
        "s3://buck.et/x": "https://s3.eu-central-1.amazonaws.com/buck.et/x/k?",
        "s3://bucket": "https://bucket.s3.eu-central-1.amazonaws.com/k?",
    }.items():
        assert vending.presign("aws-keys", keys, place, "GET", "k").startswith(address)
    china = vending.presign(
        "aws-keys", keys | {"aws_region": "cn-north-1"}, "s3://bucket/x", "GET", "k", ttl_seconds=60
    )
    assert china.startswith("https://bucket.s3.cn-north-1.amazonaws.com.cn/x/k?")
    assert re.search(r"X-Amz-Expires=60&", china)
