"""Storages behind a network that breaks: real servers, real SDKs, and a proxy between them."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest

from deeplake_nb.credentials import transport
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import StorageError
from deeplake_nb.storage import s3
from deeplake_nb.storage.http import HttpStorage
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
from tests.fakes import moto
from tests.fakes import proxy as faults
from tests.fakes.web import web_server
from tests.rounds import Clock, in_rounds
from tests.suites.behind_s3 import BehindS3
from tests.suites.faults import CONTENT, FAULTS, ReadingFaults, WritingFaults, expired, patience


@pytest.fixture(scope="module")
def s3_proxy(s3_endpoint):
    with faults.fault_proxy(s3_endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def web_and_proxy():
    with web_server() as web, faults.fault_proxy(web.endpoint) as proxy:
        yield web, proxy


def calmed(proxy):
    proxy.faults, proxy.always, proxy.unexpected = [], lambda _: None, []
    return proxy


@pytest.fixture
def hurried_sdk(monkeypatch, request):
    """The SDK's own pauses, without the waiting."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda self, context: 0.001)
    monkeypatch.setattr(s3, "_READ_SECONDS", patience(request))


def open_s3(url, endpoint, **creds):
    url = parse(url)
    creds = {"endpoint_url": endpoint, **(creds or moto.ADMIN)}
    return open_storage(url, credentials_from(url, creds, environ={}))


class TestS3(BehindS3, WritingFaults):
    @pytest.fixture
    def proxy(self, s3_proxy):
        return calmed(s3_proxy)

    @pytest.fixture
    def provider(self, proxy, s3_url, hurried_sdk):
        return open_s3(s3_url, proxy.endpoint)

    @pytest.fixture(autouse=True)
    def _behind(self, s3_behind):
        self.behind = s3_behind

    @pytest.fixture(autouse=True)
    def _no_parts_are_left(self, provider):
        """An upload whose beginning was lost on the way is listed, but holds nothing."""
        yield
        left = self.behind.list_multipart_uploads(Bucket="bucket", Prefix=f"{provider.url.path}/")
        for upload in left.get("Uploads", ()):
            parts = self.behind.list_parts(Bucket="bucket", Key=upload["Key"], UploadId=upload["UploadId"])
            assert not parts.get("Parts")

    def test_keys_that_ended(self, provider, proxy):
        expired(proxy, provider, faults.status(400, "ExpiredToken"))


class TestHttp(ReadingFaults):
    @pytest.fixture
    def proxy(self, web_and_proxy):
        self.web, proxy = web_and_proxy
        self.web.files.clear()
        return calmed(proxy)

    @pytest.fixture
    def provider(self, proxy, monkeypatch, request):
        monkeypatch.setattr(transport, "READ_SECONDS", patience(request))
        return HttpStorage(parse(f"{proxy.endpoint}/data"))

    def write_behind(self, provider, key, content):
        self.web.files[f"data/{key}"] = content


# what concerns S3 only


def test_the_sdk_itself_waits_longer_each_time_and_not_for_ever(s3_proxy, s3_url, monkeypatch):
    proxy = calmed(s3_proxy)
    waited = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=waited.append))
    proxy.always = lambda _: FAULTS["503"]
    with pytest.raises(StorageError, match=r"SlowDown .*the storage is overloaded: try again in a moment"):
        open_s3(s3_url, proxy.endpoint).get("k")
    assert len(waited) == 4
    assert all(0 <= pause <= 2**n for n, pause in enumerate(waited))


def test_attempts_are_the_users_to_choose(s3_proxy, s3_url, hurried_sdk, monkeypatch):
    proxy = calmed(s3_proxy)
    proxy.always = lambda _: FAULTS["500"]
    for chosen, made in ((None, 5), ("2", 2), ("1", 1)):
        if chosen is not None:
            monkeypatch.setenv("AWS_MAX_ATTEMPTS", chosen)
        proxy.seen.clear()
        with pytest.raises(StorageError):
            open_s3(s3_url, proxy.endpoint).size("k")
        assert len(proxy.seen) == made


class Keys:
    """A vending machine for keys that live a second, and the storage's idea of which are valid now."""

    def __init__(self, clock):
        self.clock, self.vended = clock, {}
        self.lock = threading.Lock()

    def vend(self):
        with self.lock:
            name, end = f"AKIA{len(self.vended):04}", self.clock() + timedelta(seconds=1)
            self.vended[name] = end
        return {"aws_access_key_id": name, "aws_secret_access_key": "any", "expires_at": end}

    def judge(self, exchange):
        name = exchange.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
        return None if self.vended[name] > self.clock() else faults.status(400, "ExpiredToken")


def test_a_long_job_outlives_a_life_of_one_second(s3_proxy, s3_url, s3_behind):
    """Every key is refused by the storage once its second is over; no request of the job ever is."""
    proxy, clock = calmed(s3_proxy), Clock()
    keys = Keys(clock)
    proxy.always = keys.judge
    url = parse(s3_url)

    def vend():
        return {"endpoint_url": proxy.endpoint, **keys.vend()}

    storage = open_storage(url, credentials_from(url, vend, environ={}, clock=clock))

    def job(number):
        content = f"{number} {clock()}".encode()
        storage.put(f"{number}", content)
        assert bytes(storage.get(f"{number}")) == content

    in_rounds(job, clock, timedelta(seconds=0.21), rounds=20)
    assert len(keys.vended) == 5, "after four fifths of a life, and once for all threads"


@pytest.mark.parametrize("region", ["wrong", "none"])
def test_the_buckets_region_is_found_once(s3_proxy, s3_url, hurried_sdk, region):
    """As AWS does it: a request signed for another region is refused, and the answer names the right one."""
    proxy = calmed(s3_proxy)

    def judge(exchange):
        if "/eu-west-3/s3/" in exchange.headers["Authorization"]:
            return None
        where = {"x-amz-bucket-region": "eu-west-3"}
        return faults.status(301, "PermanentRedirect", **where)

    proxy.always = judge
    creds = {"aws_region": "us-west-2"} if region == "wrong" else {}
    storage = open_s3(s3_url, proxy.endpoint, **moto.ADMIN, **creds)
    storage.put("k", CONTENT)
    assert bytes(storage.get("k")) == CONTENT
    assert storage.size("k") == len(CONTENT)
    made = [method for method, _ in proxy.seen[-8:]]
    proxy.seen.clear()
    for _ in range(3):
        storage.get("k")
    assert [method for method, _ in proxy.seen] == ["GET"] * 3
    assert made


def test_a_bucket_that_is_nowhere_else_is_one_clear_error(s3_proxy, s3_url, hurried_sdk):
    proxy = calmed(s3_proxy)
    proxy.always = lambda _: faults.status(301, "PermanentRedirect")
    with pytest.raises(StorageError, match=r"\(RecursionError .*the bucket is in another region: pass creds="):
        open_s3(s3_url, proxy.endpoint).get("k")


@contextlib.contextmanager
def dark():
    """A port at which nobody listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_nobody_there_and_no_such_host(s3_url, hurried_sdk):
    with dark() as endpoint, pytest.raises(StorageError, match="check the network and endpoint_url"):
        open_s3(s3_url, endpoint).get("k")
    with pytest.raises(StorageError, match="check the network and endpoint_url"):
        open_s3(s3_url, "http://no-such-host.localhost.:9").get("k")
