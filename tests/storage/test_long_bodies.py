"""Long bodies over real connections: read straight into memory, below urllib3, which finishes the answer."""

from __future__ import annotations

import os
import socket
import struct

import pytest
import urllib3

from deeplake_nb.errors import StorageError
from deeplake_nb.storage import bodies, retries
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import ByteRange
from deeplake_nb.urls import parse
from tests.fakes import tls
from tests.fakes.web import web_server

PIECE = 1 << 18
LENGTH = 5_000_001


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return tls.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def web(request, certificate, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(retries, "_FIRST_SECONDS", 0.001)
    with web_server(certificate if request.param else None) as web:
        yield web


@pytest.fixture
def storage(web):
    return open_storage(parse(web.endpoint))


@pytest.fixture
def by_urllib3(monkeypatch):
    """How many bytes each read of urllib3's was asked for."""
    asked = []
    read1 = urllib3.HTTPResponse.read1

    def noted(answer, nbytes=None, **options):
        asked.append(nbytes)
        return read1(answer, nbytes, **options)

    monkeypatch.setattr(urllib3.HTTPResponse, "read1", noted)
    return asked


def connections(storage):
    """How many were made, and how many requests they carried."""
    [manager] = storage._made.values()
    [pool] = [manager.pools[key] for key in manager.pools.keys()]  # noqa: SIM118 - they cannot be iterated over
    return pool.num_connections, pool.num_requests


@pytest.mark.parametrize("nbytes", [1, PIECE - 1, PIECE, PIECE + 1, 1_000_000, LENGTH])
def test_it_is_whole_and_its_connection_is_kept(web, storage, nbytes):
    web.files["long"] = content = os.urandom(nbytes)
    for _ in range(3):
        found = storage.get("long")
        assert found == content
        assert found.readonly
        target = bytearray(nbytes + 5)
        assert storage.get_into("long", target) == nbytes
        assert target == content + bytes(5)
    assert connections(storage) == (1, 6)


def test_a_part_of_it(web, storage):
    web.files["long"] = content = os.urandom(LENGTH)
    for ranges in (True, False):  # of a server that knows no ranges no more is read than needed, and none is kept
        web.ranges = ranges
        assert storage.get("long", ByteRange(7, 3_000_007)) == content[7:3_000_007]
        assert storage.get("long", ByteRange(4_000_000, LENGTH + 9)) == content[4_000_000:]


def test_only_the_end_goes_through_urllib3(web, storage, by_urllib3):
    web.files["long"] = os.urandom(LENGTH)
    storage.get("long")
    assert by_urllib3[0] == PIECE  # where this fails, urllib3 keeps its response elsewhere: reading is slow, not wrong
    assert by_urllib3 == sorted(by_urllib3, reverse=True)


def test_where_urllib3_is_another_everything_goes_through_it(web, storage, by_urllib3, monkeypatch):
    web.files["long"] = content = os.urandom(LENGTH)
    monkeypatch.setattr(bodies, "HTTPResponse", type("OfAnotherKind", (), {}))
    assert storage.get("long") == content
    assert len(by_urllib3) > LENGTH // PIECE
    assert connections(storage) == (1, 1)


def test_chunks_go_through_urllib3(web, storage):
    content = os.urandom(LENGTH)

    def page(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, LENGTH, 1_000_000):
            piece = content[start : start + 1_000_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    web.pages["/long"] = page
    assert storage.get("long") == content


@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("sent", [0, 2_000_000, LENGTH - 1])
def test_it_breaks_off(web, storage, sent, rudely):
    def page(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(LENGTH))
        handler.end_headers()
        handler.wfile.write(bytes(sent))
        handler.close_connection = True
        if rudely:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()

    web.pages["/long"] = page
    with pytest.raises(StorageError, match=r"the connection broke") as caught:
        storage.get("long")
    assert type(caught.value) is StorageError
    assert len(web.requests) == retries.ATTEMPTS
    web.pages.clear()
    web.files["long"] = content = os.urandom(LENGTH)
    assert storage.get("long") == content


def test_it_stops(web, storage, monkeypatch):
    """Silence ends at the timeout of the connection, whoever reads."""
    monkeypatch.setattr("deeplake_nb.credentials.transport.READ_SECONDS", 0.2)
    content = os.urandom(LENGTH)
    stops = iter([True, True, False])

    def page(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(LENGTH))
        handler.end_headers()
        handler.wfile.write(content[:2_000_000])
        if next(stops, False):  # a busy machine may be given up once more
            handler.rfile.read(1)  # until the other side has had enough
            handler.close_connection = True
        else:
            handler.wfile.write(content[2_000_000:])

    web.pages["/long"] = page
    assert storage.get("long") == content
