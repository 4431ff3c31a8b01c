"""S3, on a real server that takes any key."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import CredentialsError, KeyNotFoundError, MissingCredentialsError, StorageError, UrlError
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import ByteRange, delete_all, get_many, is_empty
from deeplake_nb.storage.wrappers import Counting
from deeplake_nb.urls import parse
from tests.eventually import of_this_thread
from tests.fakes import moto
from tests.suites.behind_s3 import BehindS3
from tests.suites.storage import StorageSuite


def open_s3(url, **creds):
    url = parse(url)
    return open_storage(url, credentials_from(url, creds, environ=os.environ))


class TestS3(BehindS3, StorageSuite):
    @pytest.fixture
    def provider(self, s3_endpoint, s3_url):
        return open_s3(s3_url, endpoint_url=s3_endpoint, **moto.ADMIN)

    @pytest.fixture(autouse=True)
    def _behind(self, s3_behind):
        self.behind = s3_behind


@pytest.fixture
def provider(s3_endpoint, s3_url):
    return open_s3(s3_url, endpoint_url=s3_endpoint, **moto.ADMIN)


def test_the_root_of_a_bucket(s3_endpoint, s3_behind):
    s3_behind.create_bucket(Bucket="whole")
    storage = open_s3("s3://whole", endpoint_url=s3_endpoint, **moto.ADMIN)
    storage.put("a/k", b"x")
    assert s3_behind.get_object(Bucket="whole", Key="a/k")["Body"].read() == b"x"
    assert [entry.key for entry in storage.list(delimiter="/")] == ["a/"]
    delete_all(storage)
    assert is_empty(storage)


def test_markers_of_folders_are_no_objects_but_are_deleted(provider, s3_behind):
    for key in (f"{provider.url.path}/", f"{provider.url.path}/a/"):
        s3_behind.put_object(Bucket="bucket", Key=key, Body=b"")
    assert list(provider.list()) == []
    assert is_empty(provider)
    provider.put("a/k", b"x")
    assert [entry.key for entry in provider.list()] == ["a/k"]
    assert [entry.key for entry in provider.list("a/", delimiter="/")] == ["a/k"]
    delete_all(provider)
    assert s3_behind.list_objects_v2(Bucket="bucket", Prefix=provider.url.path)["KeyCount"] == 0


def test_neighbours_with_the_same_start_are_left_alone(provider, s3_endpoint):
    neighbour = open_s3(f"{provider.url}-neighbour", endpoint_url=s3_endpoint, **moto.ADMIN)
    neighbour.put("k", b"kept")
    provider.put("k", b"x")
    assert [entry.key for entry in provider.list()] == ["k"]
    delete_all(provider)
    assert bytes(neighbour.get("k")) == b"kept"


def test_a_bucket_that_is_not_there(s3_endpoint):
    storage = open_s3("s3://no-such-bucket/x", endpoint_url=s3_endpoint, **moto.ADMIN)
    for use in (lambda: storage.get("k"), lambda: storage.put("k", b"x"), lambda: list(storage.list())):
        with pytest.raises(StorageError) as caught:
            use()
        assert "s3://no-such-bucket/x" in str(caught.value)
        assert f"(NoSuchBucket from {s3_endpoint}, credentials: argument)" in str(caught.value)
        assert "there is no such bucket: check its name, and endpoint_url" in str(caught.value)
    with pytest.raises(KeyNotFoundError):  # a HEAD has no body to tell the bucket from the key
        storage.size("k")


def test_a_bucket_whose_name_cannot_be(s3_endpoint):
    with pytest.raises(UrlError, match=r"cannot get s3://a\*b/k .*the bucket's name is not valid"):
        open_s3("s3://a*b", endpoint_url=s3_endpoint, **moto.ADMIN).get("k")


def test_near_ranges_are_one_request(provider):
    blob = os.urandom(3 << 20)
    provider.put("blob", blob)
    counting = Counting(provider)
    requests = [("blob", ByteRange(n * 10_000, n * 10_000 + 5_000)) for n in range(100)]
    requests.append(("blob", ByteRange(2 << 20, (2 << 20) + 10)))
    answers = list(get_many(counting, requests))
    assert [bytes(answer) for answer in answers] == [blob[slice(*byte_range)] for _, byte_range in requests]
    assert counting.requests == {"get": 2}


def test_one_client_however_many_threads(provider, monkeypatch):
    made = []
    connect = type(provider).connect
    monkeypatch.setattr(
        type(provider), "connect", lambda self, *args, **kwargs: made.append(1) or connect(self, *args, **kwargs)
    )
    threads = [threading.Thread(target=provider.put, args=(f"{n}", b"x")) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
    assert len(list(provider.list())) == 16


def test_a_forked_child_has_connections_of_its_own(provider):
    provider.put("k", b"x" * 100_000)
    assert len(provider.get("k")) == 100_000
    before = provider._made
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            same = all(bytes(provider.get("k")) == b"x" * 100_000 for _ in range(5))
            os.write(writer, f"{same} {provider._made is before}".encode())
        finally:
            os._exit(0)
    for _ in range(5):
        assert bytes(provider.get("k")) == b"x" * 100_000
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reader, 100) == b"True False"
    os.close(reader)
    os.close(writer)
    assert provider._made is before


def test_opening_asks_nothing_and_imports_no_sdk():
    code = """
import os, sys
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
url = parse("s3://bucket/x")
open_storage(url, credentials_from(url, {"aws_access_key_id": "a", "aws_secret_access_key": "b"}, environ=os.environ))
assert not {"boto3", "botocore", "numpy", "IPython"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_log_line_per_request(provider, caplog):
    caplog.set_level(logging.DEBUG, "deeplake_nb")
    provider.put("k", b"12345")
    caplog.clear()
    provider.get("k")
    provider.size("k")
    [first, second] = [record.getMessage() for record in of_this_thread(caplog)]
    assert first.startswith(f"get {provider.url}/k: 5 bytes, ")
    assert second.startswith(f"size {provider.url}/k: 5 bytes, ")


def test_an_unreachable_endpoint(monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    storage = open_s3("s3://bucket/x", endpoint_url="http://127.0.0.1:9", **moto.ADMIN)
    with pytest.raises(StorageError) as caught:
        storage.get("k")
    assert str(caught.value) == (
        "cannot get s3://bucket/x/k (EndpointConnectionError from http://127.0.0.1:9, credentials: argument):"
        " check the network and endpoint_url"
    )


# where the credentials come from


def put_and_get(storage):
    storage.put("k", b"x")
    assert bytes(storage.get("k")) == b"x"


def test_keys_and_endpoint_from_the_environment(s3_endpoint, s3_url, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    storage = open_s3(s3_url)
    put_and_get(storage)
    assert storage._identity.source == "environment"


def test_the_sdks_own_chain_serves_where_nobody_made_one(s3_endpoint, s3_url, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_endpoint)
    storage = open_storage(parse(s3_url))
    put_and_get(storage)
    assert storage._identity.source == "AWS SDK (env)"


def test_no_credentials_anywhere(s3_endpoint, s3_url):
    with pytest.raises(MissingCredentialsError) as caught:
        open_s3(s3_url, endpoint_url=s3_endpoint).get("k")
    assert str(caught.value) == (
        f"no credentials for {s3_url}: tried argument (none given), environment (AWS_ACCESS_KEY_ID,"
        " AWS_SECRET_ACCESS_KEY unset), profile 'default' (absent or without keys), web identity"
        " (AWS_WEB_IDENTITY_TOKEN_FILE unset), role of this machine (none)."
        " Pass creds={'aws_access_key_id': …, 'aws_secret_access_key': …}, set AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY, or run `aws configure`"
    )
    with pytest.raises(MissingCredentialsError, match=r"tried AWS SDK \(found nothing\)"):
        open_storage(parse(s3_url)).get("k")


@pytest.mark.parametrize(
    ("creds", "environ", "host", "bucket_in_path"),
    [
        ({}, {}, "bucket.s3.amazonaws.com", False),
        ({"aws_region": "eu-west-1"}, {}, "bucket.s3.eu-west-1.amazonaws.com", False),
        ({"region_name": "eu-west-1"}, {}, "bucket.s3.eu-west-1.amazonaws.com", False),
        ({}, {"AWS_REGION": "eu-west-1"}, "bucket.s3.eu-west-1.amazonaws.com", False),
        ({"aws_region": "eu-west-2"}, {"AWS_REGION": "eu-west-1"}, "bucket.s3.eu-west-2.amazonaws.com", False),
        ({"endpoint_url": "http://localhost:9000"}, {}, "localhost:9000", True),
        ({"endpoint_url": "http://10.0.0.1:9000"}, {}, "10.0.0.1:9000", True),
        ({"endpoint_url": "https://minio.example.com"}, {}, "minio.example.com", True),
        ({}, {"AWS_ENDPOINT_URL": "https://minio.example.com"}, "minio.example.com", True),
        ({}, {"AWS_ENDPOINT_URL_S3": "https://minio.example.com"}, "minio.example.com", True),
    ],
)
def test_where_requests_go(creds, environ, host, bucket_in_path, monkeypatch):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    storage = open_s3("s3://bucket/x", **moto.ADMIN, **creds)
    signed = storage._client().generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "x/k"})
    address = signed.partition("?")[0].partition("://")[2]
    assert address == f"{host}/bucket/x/k" if bucket_in_path else f"{host}/x/k"


@pytest.mark.parametrize(
    ("variable", "value", "kind"),
    [("AWS_ENDPOINT_URL", "minio", StorageError), ("AWS_PROFILE", "nobody", MissingCredentialsError)],
)
def test_a_broken_environment_is_one_clear_error(variable, value, kind, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(kind, match=f"check .*{variable}"):
        open_s3("s3://bucket/x", **moto.ADMIN).get("k")


def test_a_region_that_cannot_be():
    with pytest.raises((StorageError, CredentialsError), match="aws_region"):
        open_s3("s3://bucket/x", aws_region="not a region!", **moto.ADMIN).get("k")
