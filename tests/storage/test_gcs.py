"""Google Cloud Storage, on an emulator that checks tokens and preconditions."""

from __future__ import annotations

import gzip
import itertools
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import KeyNotFoundError, MissingCredentialsError, StorageError, UrlError
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import ByteRange, delete_all, digests, get_into, get_many, is_empty
from deeplake_nb.storage.wrappers import Counting
from deeplake_nb.urls import parse
from tests.eventually import of_this_thread
from tests.fakes import gcs
from tests.suites.storage import StorageSuite

TOKEN = "ya29.everything"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def service():
    with gcs.emulator() as service:
        service.issue(token=TOKEN)
        yield service


@pytest.fixture
def open_gcs(service):
    """Opens a url with the dictionary given."""

    def open_gcs(url, **creds):
        url = parse(url)
        creds = {"token": TOKEN, "endpoint_url": service.endpoint} | creds
        return open_storage(url, credentials_from(url, creds, environ=os.environ))

    return open_gcs


@pytest.fixture
def provider(open_gcs):
    return open_gcs(f"gcs://bucket/place-{next(_numbers)}")


class TestGcs(StorageSuite):
    @pytest.fixture
    def provider(self, open_gcs):
        return open_gcs(f"gcs://bucket/place-{next(_numbers)}")

    @pytest.fixture(autouse=True)
    def _behind(self, service):
        self.service = service

    def write_behind(self, provider, key, content):
        self.service.write("bucket", f"{provider.url.path}/{key}", content)

    def read_behind(self, provider, key):
        return self.service.read("bucket", f"{provider.url.path}/{key}")


@pytest.fixture
def asked(service):
    """How often each method is asked for while a function runs."""

    def asked(use):
        before = len(service.requests)
        use()
        return [f"{method} {path.split('/')[1]}" for method, path in service.requests[before:]]

    return asked


@pytest.fixture
def quick(monkeypatch):
    """No pauses between attempts."""
    monkeypatch.setattr("deeplake_nb.storage.retries._FIRST_SECONDS", 0.0)


# what each verb costs


def test_requests_of_each_verb(provider, asked):
    provider.put("warm", b"x")
    provider.put("big", b"0123456789")
    assert asked(lambda: provider.put("k", b"x")) == ["POST upload"]
    assert asked(lambda: provider.put("lock", b"x", if_absent=True)) == ["POST upload"]
    assert asked(lambda: provider.get("k")) == ["GET download"]
    assert asked(lambda: provider.get("big", ByteRange(2, 5))) == ["GET download"]
    assert asked(lambda: get_into(provider, "big", bytearray(4), 2)) == ["GET download"]
    assert asked(lambda: provider.get("big", ByteRange(3, 3))) == ["GET storage"]
    assert asked(lambda: provider.size("k")) == ["GET storage"]
    assert asked(lambda: list(provider.list())) == ["GET storage"]
    assert asked(lambda: provider.delete("k")) == ["DELETE storage"]
    assert asked(lambda: delete_all(provider)) == ["GET storage", "DELETE storage", "DELETE storage", "DELETE storage"]
    assert asked(lambda: is_empty(provider)) == ["GET storage"]


def test_what_is_missing_in_a_bucket_nobody_knows_costs_one_request_more(open_gcs, asked):
    fresh = open_gcs("gcs://bucket/nothing-here")

    def miss():
        with pytest.raises(KeyNotFoundError):
            fresh.size("k")

    assert asked(miss) == ["GET storage", "GET storage"]
    assert asked(miss) == ["GET storage"]


def test_connections_are_kept(provider, service):
    provider.put("k", b"x" * 100_000)
    before = service.connections
    for _ in range(20):
        provider.get("k")
        provider.get("k", ByteRange(5, 50_000))
        get_into(provider, "k", bytearray(100))
        provider.size("k")
        provider.put("l", b"x")
        provider.delete("l")
        with pytest.raises(KeyNotFoundError):
            provider.get("l")
    assert service.connections == before
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: provider.get("k"), range(200)))
    assert service.connections <= before + 8


def test_near_ranges_are_one_request(provider):
    blob = os.urandom(3 << 20)
    provider.put("blob", blob)
    counting = Counting(provider)
    requests = [("blob", ByteRange(n * 10_000, n * 10_000 + 5_000)) for n in range(100)]
    requests.append(("blob", ByteRange(2 << 20, (2 << 20) + 10)))
    answers = list(get_many(counting, requests))
    assert [bytes(answer) for answer in answers] == [blob[slice(*byte_range)] for _, byte_range in requests]
    assert counting.requests == {"get": 2}


# places


def test_the_root_of_a_bucket(open_gcs, service):
    service.buckets["whole"] = gcs.Bucket()
    storage = open_gcs("gs://whole")
    storage.put("a/k", b"x")
    assert service.read("whole", "a/k") == b"x"
    assert [entry.key for entry in storage.list(delimiter="/")] == ["a/"]
    delete_all(storage)
    assert is_empty(storage)


def test_markers_of_folders_are_no_objects_but_are_deleted(provider, service):
    for key in (f"{provider.url.path}/", f"{provider.url.path}/a/"):
        service.write("bucket", key, b"")
    assert list(provider.list()) == []
    assert is_empty(provider)
    provider.put("a/k", b"x")
    assert [entry.key for entry in provider.list()] == ["a/k"]
    assert [entry.key for entry in provider.list("a/", delimiter="/")] == ["a/k"]
    delete_all(provider)
    assert not [name for name in service.buckets["bucket"].objects if name.startswith(provider.url.path)]


def test_neighbours_with_the_same_start_are_left_alone(provider, open_gcs):
    neighbour = open_gcs(f"{provider.url}-neighbour")
    neighbour.put("k", b"kept")
    provider.put("k", b"x")
    assert [entry.key for entry in provider.list()] == ["k"]
    delete_all(provider)
    assert bytes(neighbour.get("k")) == b"kept"


@pytest.mark.parametrize("verb", ["get", "size", "put", "delete", "list"])
def test_a_bucket_that_is_not_there(open_gcs, service, verb):
    storage = open_gcs("gcs://no-such-bucket/x")
    use = {
        "get": lambda: storage.get("k"),
        "size": lambda: storage.size("k"),
        "put": lambda: storage.put("k", b"x"),
        "delete": lambda: storage.delete("k"),
        "list": lambda: list(storage.list()),
    }
    with pytest.raises(StorageError) as caught:
        use[verb]()
    assert f"cannot {verb} gcs://no-such-bucket/x" in str(caught.value)
    assert f"(404 noSuchBucket from {service.endpoint}, credentials: argument): there is no such bucket" in str(
        caught.value
    )


def test_a_key_that_utf8_cannot_write(provider):
    for use in (lambda: provider.get("\udcff"), lambda: provider.put("\udcff", b""), lambda: provider.delete("\udcff")):
        with pytest.raises(UrlError, match="expected text that UTF-8 can write"):
            use()


# bytes


def test_what_is_stored_compressed_comes_as_it_is_stored(provider, service):
    packed = gzip.compress(b"hello" * 1000)
    service.write("bucket", f"{provider.url.path}/k", packed, contentEncoding="gzip")
    assert bytes(provider.get("k")) == packed
    assert bytes(provider.get("k", ByteRange(3, 9))) == packed[3:9]
    assert provider.size("k") == len(packed)


def test_objects_are_written_so_that_nobody_serves_old_ones(provider, service):
    provider.put("k", b"x")
    assert service.buckets["bucket"].objects[f"{provider.url.path}/k"].metadata == {
        "contentType": "application/octet-stream",
        "cacheControl": "no-store",
    }


def test_what_is_damaged_on_the_way_there_is_refused(provider, service, monkeypatch):
    monkeypatch.setattr("deeplake_nb.storage.gcs_checksum.Checksum.text", gcs.crc32c(b"other"))
    with pytest.raises(StorageError, match="400 invalid"):
        provider.put("k", b"damaged")
    assert service.read("bucket", f"{provider.url.path}/k") is None


def test_what_is_damaged_on_the_way_back_is_asked_for_again(provider, monkeypatch, quick):
    provider.put("k", b"content")
    damaged = iter([gcs.crc32c(b"other"), gcs.crc32c(b"other"), gcs.crc32c(b"content")])
    monkeypatch.setattr("deeplake_nb.storage.gcs_checksum.Checksum.text", property(lambda _: next(damaged)))
    assert bytes(provider.get("k")) == b"content"
    monkeypatch.setattr("deeplake_nb.storage.gcs_checksum.Checksum.text", gcs.crc32c(b"other"))
    with pytest.raises(StorageError, match="other bytes than were stored"):
        provider.get("k")
    assert bytes(provider.get("k", ByteRange(0, 100))) == b"content"  # of a part there is no checksum


def test_digests_come_with_the_listing(provider, service):
    provider.put("a", b"hello")
    place = provider.url.path
    service.write("bucket", f"{place}/b", b"composed", componentCount=2)
    service.write("bucket", f"{place}/folder/", b"")
    [first, second] = digests(provider)
    assert (first.key, first.nbytes, first.md5.hex()) == ("a", 5, "5d41402abc4b2a76b9719d911017c592")
    assert (second.key, second.nbytes, second.md5) == ("b", 8, None)


def test_a_child_process_makes_connections_of_its_own(provider, service):
    provider.put("k", b"x" * 1000)
    code = f"""
import os
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
url = parse("{provider.url}")
creds = {{"token": "{TOKEN}", "endpoint_url": "{service.endpoint}"}}
storage = open_storage(url, credentials_from(url, creds, environ=os.environ))
storage.size("k")
child = os.fork()
for _ in range(100):
    assert bytes(storage.get("k")) == b"x" * 1000
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    before = service.connections
    subprocess.run([sys.executable, "-c", code], check=True)
    assert service.connections == before + 2


# where credentials and requests go


def test_opening_asks_nothing_and_imports_no_sdk():
    code = """
import os, sys
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
url = parse("gcs://bucket/x")
open_storage(url, credentials_from(url, {"token": "a"}, environ=os.environ))
open_storage(url)
assert not {"google.auth", "google.cloud.storage", "requests", "urllib3", "numpy", "IPython"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_log_line_per_request(provider, caplog):
    caplog.set_level(logging.DEBUG, "deeplake_nb")
    provider.put("k", b"12345")
    caplog.clear()
    provider.get("k")
    provider.delete("k")
    [first, second] = [record.getMessage() for record in of_this_thread(caplog)]
    assert first.startswith(f"get {provider.url}/k: 5 bytes, ")
    assert second.startswith(f"delete {provider.url}/k: 0 bytes, ")


def test_an_unreachable_endpoint(open_gcs, quick):
    storage = open_gcs("gcs://bucket/x", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(StorageError) as caught:
        storage.get("k")
    assert type(caught.value) is StorageError
    assert str(caught.value) == (
        "cannot get gcs://bucket/x/k (NewConnectionError from http://127.0.0.1:9, credentials: argument):"
        " check the network and endpoint_url"
    )


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_an_emulator_of_the_environment(service, monkeypatch, scheme):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"{scheme}{service.endpoint.removeprefix('http://')}")
    url = parse("gcs://bucket/emulated")
    storage = open_storage(url, credentials_from(url, {"token": TOKEN}, environ=os.environ))
    storage.put("k", b"x")
    assert storage.endpoint() == service.endpoint
    service.buckets["public"] = gcs.Bucket(public=True)
    service.write("public", "k", b"for all")
    nobody = open_storage(parse("gcs://public"))
    assert bytes(nobody.get("k")) == b"for all"
    assert nobody.api.credentials().source == "emulator"


def test_requests_go_to_google_unless_told_otherwise():
    url = parse("gcs://bucket/x")
    assert (
        open_storage(url, credentials_from(url, {"token": "t"}, environ={})).endpoint()
        == "https://storage.googleapis.com"
    )
    private = {"token": "t", "endpoint_url": "https://storage-me.p.googleapis.com/"}
    found = open_storage(url, credentials_from(url, private, environ={"STORAGE_EMULATOR_HOST": "localhost:1"}))
    assert found.endpoint() == "https://storage-me.p.googleapis.com"


def test_who_pays(open_gcs, service):
    service.buckets["pays"] = gcs.Bucket(settings={"billing": {"requesterPays": True}})
    with pytest.raises(StorageError, match=r"400 required .*pass creds=\{'user_project': …\} with the project to bill"):
        open_gcs("gcs://pays").size("k")
    storage = open_gcs("gcs://pays", user_project="my-project")
    storage.put("k", b"x")
    storage.put_parts("l", [b"x" * (17 << 20)], 17 << 20)
    assert bytes(storage.get("k")) == b"x"
    assert [entry.key for entry in storage.list()] == ["k", "l"]
    delete_all(storage)


def test_no_credentials_anywhere():
    with pytest.raises(MissingCredentialsError) as caught:
        open_storage(parse("gcs://bucket/x")).get("k")
    assert str(caught.value) == (
        "no credentials for gcs://bucket/x: tried argument (none given), environment (GOOGLE_APPLICATION_CREDENTIALS"
        " unset), application default credentials (absent), metadata server (none). Pass creds='key.json' (the key of a"
        " service account), set GOOGLE_APPLICATION_CREDENTIALS to its path, run `gcloud auth application-default"
        " login`, or sign in with creds='browser'"
    )


def test_credentials_of_another_cloud():
    foreign = credentials_from(
        parse("s3://bucket"), {"aws_access_key_id": "A", "aws_secret_access_key": "b"}, environ={}
    )
    with pytest.raises(Exception, match="the credentials for gcs://bucket/x from argument are those of another cloud"):
        open_storage(parse("gcs://bucket/x"), foreign).get("k")


# about itself


def test_what_a_bucket_says_of_itself(open_gcs, service):
    service.buckets["mine"] = gcs.Bucket()
    token = service.issue({"get", "list"})
    storage = open_gcs("gcs://mine", token=token)
    said = {check.name: check.run() for check in storage.checks()}
    assert said == {
        "identity": "somebody with a token from argument, which does not say whom",
        "permissions": "may not create, delete objects",
        "region": "EU (multi-region)",
        "CORS": "no rules: web pages cannot read the bucket by themselves (this notebook needs none)",
    }
    service.buckets["mine"].settings["cors"] = [
        {"origin": ["https://b.example", "https://a.example"], "method": ["GET"]}
    ]
    assert open_gcs("gcs://mine").checks()[3].run() == "pages of https://a.example, https://b.example may read it"
    assert open_gcs("gcs://mine").checks()[1].run() == "may get, list, create, delete objects"
