"""Google's own client on the same emulator: it reads what we write, and we read what it writes."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path
from threading import Thread, get_ident
from types import SimpleNamespace

import google.cloud.storage
import google.oauth2.credentials
import pytest
from google.api_core.exceptions import BadRequest, Forbidden, NotFound, PreconditionFailed, Unauthorized

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import ExpiredCredentialsError, PermissionDeniedError, StorageError
from deeplake_nb.storage import gcs_parts, retries
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import ByteRange, digests
from deeplake_nb.urls import parse
from tests.fakes import gcs
from tests.fakes import proxy as faults


@pytest.fixture
def service():
    with gcs.emulator() as service:
        yield service


@pytest.fixture
def client(service):
    """Google's client, as one who may do anything."""
    with_token = client_of(service, service.issue())
    yield with_token
    with_token.close()


def client_of(service, token):
    credentials = google.oauth2.credentials.Credentials(token)
    return google.cloud.storage.Client(
        "project", credentials=credentials, client_options={"api_endpoint": service.endpoint}
    )


@pytest.fixture
def ours(service):
    url = parse("gcs://bucket/x")
    creds = {"token": service.issue(), "endpoint_url": service.endpoint}
    return open_storage(url, credentials_from(url, creds, environ=os.environ))


def test_it_reads_what_we_write(client, ours, monkeypatch):
    monkeypatch.setattr(gcs_parts, "WHOLE_NBYTES", 1 << 20)
    monkeypatch.setattr(gcs_parts, "PART_NBYTES", 1 << 20)
    ours.put("short", b"hello")
    ours.put("a b/ü", [b"in ", b"pieces"])
    long = os.urandom((3 << 20) + 1)
    ours.put("long", long)
    bucket = client.bucket("bucket")
    assert bucket.blob("x/short").download_as_bytes() == b"hello"
    assert bucket.blob("x/a b/ü").download_as_bytes() == b"in pieces"
    assert bucket.blob("x/long").download_as_bytes() == long
    assert [blob.name for blob in client.list_blobs("bucket", prefix="x/")] == ["x/a b/ü", "x/long", "x/short"]


def test_we_read_what_it_writes(client, ours):
    bucket = client.bucket("bucket")
    bucket.blob("x/short").upload_from_string(b"hello", checksum="crc32c")
    long = bucket.blob("x/long", chunk_size=1 << 20)
    content = os.urandom((3 << 20) + 5)
    with long.open("wb") as out:
        out.write(content)
    bucket.blob("x/both").compose([bucket.blob("x/short"), bucket.blob("x/long")])
    assert bytes(ours.get("short")) == b"hello"
    assert bytes(ours.get("long")) == content
    assert bytes(ours.get("both", ByteRange(3, 10))) == (b"hello" + content)[3:10]
    assert [(stored.key, stored.md5 is None) for stored in digests(ours)] == [
        ("both", True),
        ("long", False),
        ("short", False),
    ]


def test_the_emulator_is_what_it_expects(client, service):
    bucket = client.create_bucket("new")
    blob = bucket.blob("k")
    blob.upload_from_string(b"0123456789", if_generation_match=0)
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    assert (blob.crc32c, blob.md5_hash, blob.size) == (gcs.crc32c(b"0123456789"), gcs.md5(b"0123456789"), 10)
    with pytest.raises(PreconditionFailed):
        bucket.blob("k").upload_from_string(b"second", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        blob.delete(if_generation_match=blob.generation + 1)
    copied = bucket.copy_blob(blob, bucket, "copy")
    assert copied.download_as_bytes() == b"0123456789"
    assert bucket.blob("rewritten").rewrite(blob)[0] is None
    with pytest.raises(NotFound):
        bucket.blob("absent").download_as_bytes()
    broken = bucket.blob("broken")
    broken.crc32c = gcs.crc32c(b"other")
    with pytest.raises(BadRequest, match="doesn't match"):
        broken.upload_from_string(b"x", checksum=None)
    for number in range(25):
        service.write("new", f"many/{number:02d}/x", b"")
    pages = client.list_blobs("new", prefix="many/", delimiter="/", page_size=10).pages
    assert sorted(next(pages).prefixes) == [f"many/{number:02d}/" for number in range(10)]
    names = [blob.name for blob in client.list_blobs("new", page_size=7, start_offset="many/", end_offset="many/1")]
    assert names == [f"many/{number:02d}/x" for number in range(10)]
    held = bucket.test_iam_permissions(["storage.objects.get", "storage.buckets.setIamPolicy"])
    assert held == ["storage.objects.get"]
    blobs = list(client.list_blobs("new"))
    with client.batch():
        for blob in blobs:
            blob.delete()
    assert service.buckets["new"].objects == {}
    bucket.delete()
    assert "new" not in service.buckets


def test_a_rule_for_browsers(client, service):
    bucket = client.bucket("bucket")
    bucket.cors = [{"origin": ["https://lab.example"], "method": ["GET"], "maxAgeSeconds": 60}]
    bucket.patch()
    assert client.get_bucket("bucket").cors[0]["origin"] == ["https://lab.example"]
    assert preflight(service, "https://lab.example") == "https://lab.example"
    assert preflight(service, "https://other.example") is None


def preflight(service, origin):
    address = f"{service.endpoint}/storage/v1/b/bucket/o/k"
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers, method="OPTIONS")) as answer:
        return answer.headers["Access-Control-Allow-Origin"]


def test_the_emulator_checks_tokens(service):
    service.write("bucket", "k", b"x")
    reader = client_of(service, service.issue(gcs.READING)).bucket("bucket")
    assert reader.blob("k").download_as_bytes() == b"x"
    with pytest.raises(Forbidden):
        reader.blob("k").upload_from_string(b"y")
    with pytest.raises(Forbidden):
        reader.blob("k").delete()
    for token in ("ya29.unknown", service.issue(seconds=-1)):
        with pytest.raises(Exception) as caught:
            client_of(service, token).bucket("bucket").blob("k").reload()
        assert isinstance(caught.value, Unauthorized) or "refresh" in str(caught.value)  # it tries to get a new one
    writer = client_of(service, service.issue({"create"})).bucket("bucket")
    writer.blob("new").upload_from_string(b"y")
    with pytest.raises(Forbidden):
        writer.blob("k").upload_from_string(b"y")
    with pytest.raises(Forbidden):
        writer.blob("absent").download_as_bytes()


# what a bucket is asked now and then goes through Google's client


def opened(endpoint, **creds):
    url = parse("gcs://bucket/x")
    return open_storage(url, credentials_from(url, {"endpoint_url": endpoint, **creds}, environ=os.environ))


def told(storage):
    return {check.name: check.run() for check in storage.checks()}


def test_what_a_bucket_finds_out_about_itself(service):
    everything = told(opened(service.endpoint, token=service.issue()))
    assert everything == {
        "identity": "somebody with a token from argument, which does not say whom",
        "permissions": "may get, list, create, delete objects",
        "region": "EU (multi-region)",
        "CORS": "no rules: web pages cannot read the bucket by themselves (this notebook needs none)",
    }
    service.buckets["bucket"].settings["cors"] = [{"origin": ["https://b"]}, {"origin": ["https://a"]}]
    reader = opened(service.endpoint, token=service.issue({"get", "list", "admin"}))
    assert told(reader)["permissions"] == "may not create, delete objects"
    assert told(reader)["CORS"] == "pages of https://a, https://b may read it"
    service.buckets["bucket"].settings["billing"] = {"requesterPays": True}
    with pytest.raises(StorageError, match=r"400 required"):
        told(reader)
    assert told(opened(service.endpoint, token=service.issue(), user_project="me")) | {"CORS": ""} == everything | {
        "CORS": ""
    }


def test_nothing_else_is_asked_and_no_thread_goes_on(service, monkeypatch):
    monkeypatch.delenv("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA")
    storage, here, begun, start = opened(service.endpoint, token=service.issue()), get_ident(), [], Thread.start

    def noted(thread):
        begun.append((get_ident(), thread))
        start(thread)

    monkeypatch.setattr(Thread, "start", noted)
    told(storage)
    service.buckets.clear()
    with pytest.raises(StorageError, match="404"):
        told(storage)
    assert [thread.name for beginner, thread in begun if beginner == here] == []
    assert [path.partition("/b/")[2] for _, path in service.requests] == [
        "bucket/iam/testPermissions",
        "bucket",
        "bucket",
        "bucket/iam/testPermissions",
    ]


def test_a_bucket_tells_nothing_to_those_who_may_not_ask(service):
    Path(os.environ["HOME"], ".netrc").write_text("machine 127.0.0.1 login me password c4nary")
    for creds, kind, said in (
        ({"token": "ya29.c4nary"}, PermissionDeniedError, "401 authError"),
        ({"token": "ya29.c4nary", "expires_at": "2099-01-01"}, ExpiredCredentialsError, "401 authError"),
        ({"token": service.issue(set())}, PermissionDeniedError, "403 forbidden"),
    ):
        storage = opened(service.endpoint, **creds)
        for check in storage.checks()[1:]:
            if "403" in said and check.name == "permissions":  # that much everybody may know of themselves
                continue
            with pytest.raises(kind) as caught:
                check.run()
            assert said in str(caught.value)
            assert "credentials: argument" in str(caught.value)
            assert "c4nary" not in "".join(frames(caught.value))
    service.buckets.clear()
    with pytest.raises(
        StorageError, match=r"cannot find the permissions on gcs://bucket/x \(404 noSuchBucket .*check its name"
    ):
        told(opened(service.endpoint, token=service.issue()))


def frames(error):
    from tests.fakes.indiscreet import frames

    said = []
    frames(error, SimpleNamespace(write=said.append, writelines=said.extend), own=[__file__])
    return said


def test_a_bucket_tells_through_a_network_that_breaks(service, monkeypatch):
    monkeypatch.setattr(retries, "_FIRST_SECONDS", 0.0)
    with faults.fault_proxy(service.endpoint) as proxy:
        storage = opened(proxy.endpoint, token=service.issue())
        for fault in (faults.status(503), faults.status(500), faults.reset, faults.lost):
            proxy.faults = [fault]
            assert told(storage)["region"] == "EU (multi-region)"
            assert proxy.faults == []
        proxy.always = lambda _: faults.status(503)
        with pytest.raises(StorageError, match=r"\(503 from .*the storage is overloaded"):
            told(storage)
        proxy.always = lambda _: faults.reset
        with pytest.raises(StorageError, match=r"\(ConnectionError from .*the connection broke: check the network"):
            told(storage)
