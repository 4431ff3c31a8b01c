"""Web servers, for reading."""

from __future__ import annotations

import base64
import logging
import os
import threading
import time
import traceback
import uuid

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.credentials import transport
from deeplake_nb.errors import (
    KeyNotFoundError,
    LinkError,
    PermissionDeniedError,
    ReadOnlyError,
    StorageError,
    UnsupportedError,
    UrlError,
)
from deeplake_nb.session import Session
from deeplake_nb.storage import bodies, retries
from deeplake_nb.storage.http import HttpFiles, HttpStorage
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import ByteRange, exists, get_into, get_many
from deeplake_nb.storage.wrappers import Wrapper
from deeplake_nb.urls import Url, parse
from tests.fakes import tls
from tests.fakes.web import redirect, send, web_server
from tests.suites.storage import StorageSuite

CANARY = "c4naryC4NARY"


@pytest.fixture(scope="module")
def running():
    with web_server() as web:
        yield web


@pytest.fixture
def web(running, monkeypatch):
    monkeypatch.setattr(retries, "_FIRST_SECONDS", 0.001)
    running.files, running.pages, running.ranges = {}, {}, True
    running.requests.clear()
    return running


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def storage(web):
    return open_storage(parse(f"{web.endpoint}/data"))


class Served(Wrapper):
    """Written in memory, read over the web: so that the whole suite runs on what can only be read."""

    def __init__(self, inner, reader):
        super().__init__(inner)
        self.reader = reader

    url = property(lambda self: self.reader.url)
    concurrency = property(lambda self: self.reader.concurrency)

    def get(self, key, byte_range=None):
        return self.reader.get(key, byte_range)

    def get_into(self, key, buffer, start=0):
        return get_into(self.reader, key, buffer, start)

    def size(self, key):
        return self.reader.size(key)

    def put(self, key, data, *, if_absent=False):
        try:
            super().put(key, data, if_absent=if_absent)
        except OSError as error:
            raise type(error)(str(error).replace(str(self.inner.url), str(self.url))) from None


class Folder(dict):
    """What the server finds: the objects of a memory storage."""

    def __init__(self, storage):
        super().__init__()
        self.storage = storage

    def get(self, path):
        key = path.removeprefix("data/")
        try:
            return bytes(self.storage.get(key)) if path.startswith("data/") else None
        except (KeyNotFoundError, UrlError):
            return None


class TestHttp(StorageSuite):
    @pytest.fixture(params=["ranges", "no ranges"])
    def provider(self, web, request, storage):
        memory = MemoryStorage(parse(f"mem://{uuid.uuid4()}"))
        web.files, web.ranges = Folder(memory), request.param == "ranges"
        return Served(memory, storage)

    def write_behind(self, provider, key, content):
        provider.inner.put(key, content)

    def read_behind(self, provider, key):
        try:
            return bytes(provider.inner.get(key))
        except KeyNotFoundError:
            return None


# requests


def test_opening_asks_nothing_and_one_connection_serves_all(web, storage):
    assert web.requests == []
    web.files["data/a b/k"] = b"0123456789"
    assert bytes(storage.get("a b/k")) == b"0123456789"
    assert bytes(storage.get("a b/k", ByteRange(2, 5))) == b"234"
    assert storage.size("a b/k") == 10
    assert [(method, path) for method, path, _ in web.requests] == [
        ("GET", "/data/a%20b/k"),
        ("GET", "/data/a%20b/k"),
        ("HEAD", "/data/a%20b/k"),
    ]
    assert web.requests[1][2]["Range"] == "bytes=2-4"
    [manager] = storage._made.values()
    [pool] = [manager.pools.get(key) for key in list(manager.pools.keys())]
    assert (pool.num_connections, pool.num_requests) == (1, 3)


def test_many_files_go_side_by_side(web, storage):
    together = threading.Barrier(4, timeout=60)

    def slow(handler):
        together.wait()
        send(handler, 200, b"x")

    web.pages = {f"/data/{n}": slow for n in range(32)}
    assert [bytes(data) for data in get_many(storage, [(str(n), None) for n in range(32)])] == [b"x"] * 32


def test_a_query_of_the_root_goes_with_every_request(web):
    web.files["data/k"] = b"x"
    storage = open_storage(parse(f"{web.endpoint}/data?sig={CANARY}&v=1"))
    assert bytes(storage.get("k")) == b"x"
    assert web.requests[0][1] == f"/data/k?sig={CANARY}&v=1"
    assert CANARY not in str(storage.url)
    with pytest.raises(KeyNotFoundError) as caught:
        storage.get("none")
    assert str(caught.value) == f"no object {web.endpoint}/data/none?sig=***&v=***"


def test_a_server_without_ranges_is_read_no_further_than_needed(web, storage):
    web.ranges = False
    web.files["data/long"] = bytes(50_000_000)
    assert bytes(storage.get("long", ByteRange(10, 20))) == bytes(10)
    target = bytearray(b"x" * 10)
    assert storage.get_into("long", target, 5) == 10
    assert target == bytes(10)
    web.files["data/long"] = b"short"
    assert bytes(storage.get("long", ByteRange(10, 20))) == b""


def test_a_size_where_head_is_refused(web, storage):
    for status in (403, 405, 501):
        web.files["data/k"] = b"12345"

        def page(handler, status=status):
            if handler.command == "HEAD":
                send(handler, status, b"")
            else:
                send(handler, 206, b"1", {"Content-Range": "bytes 0-0/5"})

        web.pages["/data/k"] = page
        assert storage.size("k") == 5
    web.pages["/data/k"] = lambda handler: send(handler, 405 if handler.command == "HEAD" else 416, b"")
    assert storage.size("k") == 0
    web.pages["/data/k"] = lambda handler: send(handler, 403, b"")
    with pytest.raises(PermissionDeniedError):
        storage.size("k")

    def untold(handler):
        status, headers = (405, {}) if handler.command == "HEAD" else (206, {"Content-Range": "bytes 0-0/*"})
        send(handler, status, b"1", headers)

    web.pages["/data/k"] = untold
    with pytest.raises(StorageError, match="the server does not tell how long it is"):
        storage.size("k")


def test_a_body_in_chunks_is_read_to_its_end(web, storage):
    def chunked(ends):
        def page(handler):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            handler.wfile.write(b"5\r\nhello\r\n" + (b"6\r\n world\r\n0\r\n\r\n" if ends else b""))
            handler.close_connection = not ends

        return page

    web.pages["/data/k"] = chunked(ends=True)
    assert bytes(storage.get("k")) == b"hello world"
    assert bytes(storage.get("k", ByteRange(6, 9))) == b"wor"
    web.pages["/data/k"] = chunked(ends=False)
    with pytest.raises(StorageError, match="the connection broke"):
        storage.get("k")
    assert len(web.requests) == 2 + retries.ATTEMPTS


def test_a_body_without_a_length_cannot_be_trusted(web, storage):
    def page(handler):
        send(handler, 200, b"may be cut", {"Content-Length": None})
        handler.close_connection = True

    web.pages["/data/k"] = page
    with pytest.raises(StorageError, match=r"an answer without a length, so that a broken one cannot be told"):
        storage.get("k")


@pytest.mark.parametrize("span", ["bytes 3-5/10", "bytes 2-9/10", "bytes 2-3/10", "nonsense"])
def test_other_bytes_than_were_asked_for_are_refused(web, storage, span):
    web.pages["/data/k"] = lambda handler: send(handler, 206, b"234", {"Content-Range": span})
    with pytest.raises(StorageError, match="in answer to bytes 2-4"):
        storage.get("k", ByteRange(2, 5))
    with pytest.raises(StorageError, match="in answer to bytes 2-4"):
        storage.get_into("k", bytearray(3), 2)


def test_a_body_that_was_encoded_is_refused(web, storage):
    web.pages["/data/k"] = lambda handler: send(handler, 200, b"zipped", {"Content-Encoding": "gzip"})
    with pytest.raises(StorageError, match="the server sends it as gzip, though it was asked not to"):
        storage.get("k")
    assert web.requests[0][2]["Accept-Encoding"] == "identity"


# refusals


@pytest.mark.parametrize(
    ("status", "kind", "message", "attempts"),
    [
        (401, PermissionDeniedError, "(401 Unauthorized): nothing says who you are: use an address that is signed", 1),
        (403, PermissionDeniedError, "(403 Forbidden): nothing says who you are: use an address that is signed", 1),
        (404, KeyNotFoundError, "no object", 1),
        (410, KeyNotFoundError, "no object", 1),
        (418, StorageError, "(418 I'm a Teapot): check the address", 1),
        (429, StorageError, "(429 Too Many Requests): the server is overloaded", retries.ATTEMPTS),
        (500, StorageError, "(500 Internal Server Error): the server is overloaded or broken", retries.ATTEMPTS),
        (503, StorageError, "(503 Service Unavailable): the server is overloaded or broken", retries.ATTEMPTS),
    ],
)
def test_a_refusal_is_one_typed_error(web, storage, status, kind, message, attempts):  # noqa: PLR0917
    web.pages["/data/k"] = lambda handler: send(handler, status, b"words of the server")
    with pytest.raises(kind) as caught:
        storage.get("k")
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert f"get {web.endpoint}/data/k" in str(caught.value) or f"no object {web.endpoint}/data/k" in str(caught.value)
    assert len(web.requests) == attempts


def test_what_was_busy_is_asked_again(web, storage):
    answers = [503, 429, 500, 200]
    web.pages["/data/k"] = lambda handler: send(handler, answers.pop(0), b"fine")
    assert bytes(storage.get("k")) == b"fine"


def test_it_is_for_reading(web, storage):
    for change in (
        lambda: storage.put("k", b"x"),
        lambda: storage.put("k", b"", if_absent=True),
        lambda: storage.delete("k"),
    ):
        with pytest.raises(ReadOnlyError, match=r"/data/k: web servers are for reading"):
            change()
    with pytest.raises(UnsupportedError, match=r"cannot list http://.*: web servers have no listing to rely on"):
        storage.list()
    assert web.requests == []


def test_nobody_there(monkeypatch, web):
    with pytest.raises(StorageError) as caught:
        open_storage(parse("http://127.0.0.1:9/x")).get("k")
    assert str(caught.value).startswith("cannot get http://127.0.0.1:9/x/k (NewConnectionError): the connection broke")
    with pytest.raises(StorageError, match=r"\(NameResolutionError\): there is no such host") as caught:
        open_storage(parse("http://no-such-host.localhost.:9/x")).get("k")


def test_a_server_that_says_nothing_is_given_up(web, monkeypatch):
    monkeypatch.setattr(transport, "READ_SECONDS", 0.1)
    web.pages["/data/k"] = lambda handler: time.sleep(0.5)
    with pytest.raises(StorageError, match="ReadTimeoutError"):
        open_storage(parse(f"{web.endpoint}/data")).get("k")


def test_a_body_that_crawls_is_given_up(web, storage, monkeypatch):
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.2)

    def crawl(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.02)

    web.pages["/data/k"] = crawl
    with pytest.raises(StorageError, match=r"only \d+ bytes in \d+ s"):
        storage.get("k")


# redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(web, storage, status):
    web.files["other/k"] = b"0123456789"
    web.pages["/data/k"] = redirect("../other/k", status)
    assert bytes(storage.get("k", ByteRange(2, 4))) == b"23"
    assert storage.size("k") == 10
    web.pages["/data/k"] = redirect(f"{web.endpoint}/other/k?x=1", status)
    assert bytes(storage.get("k")) == b"0123456789"


def test_redirects_that_never_end(web, storage):
    web.pages["/data/k"] = redirect("/data/k")
    with pytest.raises(StorageError, match="it leads elsewhere more than 5 times"):
        storage.get("k")
    assert len(web.requests) == 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://host/x", "s3://bucket/x"])
def test_a_redirect_leads_to_no_other_kind_of_place(web, storage, location):
    web.pages["/data/k"] = redirect(location)
    with pytest.raises((StorageError, UrlError)):
        storage.get("k")
    assert len(web.requests) == 1


def test_a_password_goes_to_its_own_server_only(web):
    url = web.endpoint.replace("://", f"://me:{CANARY}%40@")
    storage = open_storage(parse(f"{url}/data"))
    web.files["data/k"] = web.files["data/l"] = b"x"
    assert bytes(storage.get("k")) == b"x"
    expected = "Basic " + base64.b64encode(f"me:{CANARY}@".encode()).decode()
    assert web.requests[-1][2]["Authorization"] == expected
    assert CANARY not in repr(web.requests[-1][1])
    web.pages["/data/k"] = redirect("/data/l")
    storage.get("k")
    assert web.requests[-1][2]["Authorization"] == expected
    with web_server() as other:
        other.files["k"] = b"elsewhere"
        web.pages["/data/k"] = redirect(f"{other.endpoint}/k")
        assert bytes(storage.get("k")) == b"elsewhere"
        assert storage.size("k") == 9
        for _, path, headers in other.requests:
            assert path == "/k"
            assert "Authorization" not in headers
            assert "Referer" not in headers
    assert storage.endpoint() == web.endpoint
    assert [check.run() for check in storage.checks()] == ["a user and password in the address"]


def test_nothing_is_shown_of_what_an_address_holds(web, caplog):
    for logger in ("", "urllib3", "deeplake_nb"):
        caplog.set_level(logging.DEBUG, logger)
    host = web.endpoint.partition("://")[2]
    storage = open_storage(parse(f"http://me:{CANARY}@{host}/data?sig={CANARY}"))
    web.pages[f"/data/k?sig={CANARY}"] = lambda handler: send(handler, 403, b"")
    with pytest.raises(PermissionDeniedError) as caught:
        storage.get("k")
    said = "".join(traceback.format_exception(caught.value)) + repr(storage) + repr(storage.url)
    assert CANARY not in said
    assert [record.getMessage()[:40] for record in caplog.records if record.name == "deeplake_nb.storage.http"] != []
    ours = [record for record in caplog.records if record.name.startswith("deeplake_nb")]
    assert CANARY not in "".join(repr(vars(record)) for record in ours)
    assert CANARY not in caplog.text


# TLS and proxies


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    certificate = tls.certificate(tmp_path_factory.mktemp("tls"))
    with web_server(certificate) as web:
        web.certificate = certificate
        yield web


def test_a_certificate_that_is_not_trusted(secure, monkeypatch):
    secure.files["k"] = b"secret"
    with pytest.raises(StorageError, match=r"\(SSLError\): its certificate is not trusted: check"):
        open_storage(parse(secure.endpoint)).get("k")
    assert secure.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.certificate))
    assert bytes(open_storage(parse(secure.endpoint)).get("k")) == b"secret"


def test_a_redirect_never_leaves_https(secure, web, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.certificate))
    secure.pages["/k"] = redirect(f"{web.endpoint}/k")
    with pytest.raises(StorageError, match="it leads from https to http, which is not followed"):
        open_storage(parse(secure.endpoint)).get("k")
    assert web.requests == []


def test_a_proxy_is_used_and_told_its_own_password(web, monkeypatch):
    with web_server() as proxy:
        proxy.pages["http://far.localhost/data/k"] = lambda handler: send(handler, 200, b"by proxy")
        host = proxy.endpoint.partition("://")[2]
        monkeypatch.setenv("http_proxy", f"http://me:{CANARY}@{host}")
        assert bytes(open_storage(parse("http://far.localhost/data")).get("k")) == b"by proxy"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        web.files["data/k"] = b"direct"
        assert bytes(open_storage(parse(f"{web.endpoint}/data")).get("k")) == b"direct"
        # only ours: the variable holds for the whole process, threads of earlier tests among them
        ours = [request for request in proxy.requests if request[1].endswith("/data/k")]
        assert [path for _, path, _ in ours] == ["http://far.localhost/data/k"]
        expected = "Basic " + base64.b64encode(f"me:{CANARY}".encode()).decode()
        assert ours[0][2]["Proxy-Authorization"] == expected
        assert "Proxy-Authorization" not in web.requests[0][2]


# processes


def test_a_forked_child_has_connections_of_its_own(web, storage):
    web.files["data/k"] = b"x"
    storage.get("k")
    before = storage._made
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, bytes(storage.get("k")) + str(storage._made is before).encode())
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reader, 100) == b"xFalse"
    os.close(reader)
    os.close(writer)
    assert bytes(storage.get("k")) == b"x"


# files and datasets


def test_a_file_is_asked_for_as_its_address_is_written(web):
    files = HttpFiles(Url("http", web.endpoint.partition("://")[2]))
    for path in ("/a%20b//c.jpg", "/x%2Fy.jpg", "/k?sig=a%2Bb&x", "/"):
        web.pages[path] = lambda handler: send(handler, 200, handler.path.encode())
        assert bytes(files.get(path[1:])) == path.encode()
    assert not exists(files, "none")


def test_links_are_fetched_over_the_web(web):
    session = Session()
    web.files["a b/k"] = b"one"
    web.pages["/signed?sig=1"] = lambda handler: send(handler, 200, b"two")
    links = [session.link(f"{web.endpoint}/{path}") for path in ("a%20b/k", "signed?sig=1", "none")]
    one, two, none = session.open_links(links)
    assert (bytes(one), bytes(two), type(none)) == (b"one", b"two", KeyNotFoundError)
    assert len(session._files._stores) == 1
    with pytest.raises(LinkError, match=r"the file http://.*/none cannot be read: no object"):
        deeplake_nb.read(f"{web.endpoint}/none").array  # noqa: B018


def test_a_public_dataset_is_read_and_not_written(web, tmp_path):
    values = np.arange(60_000, dtype="float32").reshape(20_000, 3)
    with deeplake_nb.empty(tmp_path / "ds") as written:
        written.create_tensor("x", dtype="float32")
        written.x.extend(values)
    written.close()
    for path in (tmp_path / "ds").rglob("*"):
        if path.is_file():
            web.files[f"pub/{path.relative_to(tmp_path)}"] = path.read_bytes()
    ds = deeplake_nb.load(f"{web.endpoint}/pub/ds")
    assert ds.read_only
    assert (ds.x.numpy() == values).all()
    assert (ds.x[100:200].numpy() == values[100:200]).all()
    assert {method for method, *_ in web.requests} <= {"GET", "HEAD"}
    with pytest.raises(ReadOnlyError):
        ds.x.append([1.0, 2.0, 3.0])
    assert deeplake_nb.exists(f"{web.endpoint}/pub/ds")
    assert not deeplake_nb.exists(f"{web.endpoint}/pub/none")
    with pytest.raises(UnsupportedError):
        deeplake_nb.empty(f"{web.endpoint}/pub/new")


def test_each_scheme_opens(web):
    assert {type(open_storage(parse(f"{scheme}://host/x"))) for scheme in ("http", "https")} == {HttpStorage}
