"""A connection is looked at once more as it is made, whichever library makes it, and ends when its time is over."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deeplake_nb.credentials.s3 import aws_sdk
from deeplake_nb.errors import LakeError, PermissionDeniedError, StorageError
from deeplake_nb.server.lookout import Lookout
from deeplake_nb.server.outgoing import Outgoing
from deeplake_nb.storage.http import HttpStorage
from deeplake_nb.urls import parse
from tests.fakes.hub import hub_server

PUBLIC = "93.184.216.34"


class Service(ThreadingHTTPServer):
    """A service of the private network; `asked` are the requests that reached it.

    Paths below `/slow` are answered drop by drop, without an end, and those below `/away` by the way to `leads_to`.
    """

    daemon_threads = True
    leads_to = ""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.is_over = [], threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if "/away" in self.path:
            self.send_response(302)
            self.send_header("Location", self.server.leads_to + self.path.replace("/away", ""))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if "/slow" in self.path:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            with contextlib.suppress(OSError):
                while not self.server.is_over.wait(0.1):
                    self.wfile.write(b".")
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving():
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            service.is_over.set()
            service.shutdown()
            thread.join()


@pytest.fixture
def private():
    with serving() as service:
        yield service


@pytest.fixture(scope="module")
def lookout():
    return Lookout()


@pytest.fixture
def rebound(monkeypatch):
    """`rebound(host)`: from now on the name means this machine."""
    names, real = set(), socket.getaddrinfo

    def resolve(host, port, *args, **more):
        if host not in names:
            return real(host, port, *args, **more)
        sys.audit("socket.getaddrinfo", host, port, 0, 0, 0)  # as Python's own does
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return names.add


def passing(lookout, host, is_watched=True):
    """A name that was public when it was looked at."""
    watch = {"watch": lookout.watch} if is_watched else {}
    Outgoing(resolve=lambda *_, **__: [(0, 0, 0, "", (PUBLIC, 80))], **watch).check(f"http://{host}")


@pytest.mark.parametrize("is_watched", [True, False])
def test_a_name_that_means_another_machine_by_now_is_not_asked(lookout, private, rebound, is_watched):
    host = f"changed-{is_watched}.example.org".lower()
    passing(lookout, host, is_watched)
    rebound(host)
    storage = HttpStorage(parse(f"http://{host}:{private.server_port}/x"))
    if not is_watched:
        assert bytes(storage.get("k")) == b"ok"  # so it would be
        return
    with pytest.raises((StorageError, PermissionDeniedError)):
        storage.get("k")
    assert private.asked == []


def test_a_name_below_one_that_was_looked_at_is_looked_at_too(lookout, private, rebound):
    """As the SDK of S3 asks ``bucket.endpoint``, which nobody had given."""
    passing(lookout, "endpoint.example.org")
    rebound("bucket.endpoint.example.org")
    session = aws_sdk().session.Session()
    client = session.create_client(
        "s3", endpoint_url=f"http://endpoint.example.org:{private.server_port}", region_name="us-east-1",
        aws_access_key_id="a", aws_secret_access_key="b",
        config=aws_sdk().config.Config(s3={"addressing_style": "virtual"}, retries={"total_max_attempts": 1}),
    )  # fmt: skip
    with pytest.raises(aws_sdk().exceptions.EndpointConnectionError):
        client.get_object(Bucket="bucket", Key="k")
    client.close()
    assert private.asked == []


def test_what_nobody_gave_is_nobodys_business(lookout, private):
    passing(lookout, "other.example.org")
    assert bytes(HttpStorage(parse(f"http://127.0.0.1:{private.server_port}")).get("k")) == b"ok"


def test_one_that_never_ends_is_ended(lookout, private):
    storage = HttpStorage(parse(f"http://127.0.0.1:{private.server_port}"))
    began = time.monotonic()
    with lookout.within(1), pytest.raises(LakeError):
        storage.get("slow/k")
    assert 1 <= time.monotonic() - began < 30
    assert bytes(storage.get("k")) == b"ok"
    with lookout.within(30):
        assert bytes(storage.get("k")) == b"ok"


def test_a_hub_follows_no_redirect_inside_when_it_tries_a_key(private):
    with serving() as outside, hub_server(DEEPLAKE_NB_HUB_REACH="localhost") as hub:
        root = hub.client()
        root.create_org("acme")
        url = f"http://localhost:{outside.server_port}/away"
        root.add_key("acme", "k", "http-token", {"token": "t"}, prefixes=[url])
        outside.leads_to = f"http://localhost:{outside.server_port}/here"
        root.try_key("acme", "k", url)
        assert any(path.startswith("/here") for path in outside.asked), "a public place is followed"
        outside.leads_to = f"http://127.0.0.1:{private.server_port}"
        trial = root.try_key("acme", "k", url)
        assert not trial.is_good
        assert "own network" in repr(trial.steps)
        assert private.asked == []


def test_an_endpoint_that_hangs_keeps_no_thread(private):
    with hub_server(DEEPLAKE_NB_HUB_SECONDS="6", DEEPLAKE_NB_HUB_THREADS="1") as hub:
        root = hub.client()
        root.create_org("acme")
        url = f"http://127.0.0.1:{private.server_port}/slow"
        root.add_key("acme", "k", "http-token", {"token": "t"}, prefixes=[url])
        with pytest.raises(LakeError):
            root.try_key("acme", "k", url)
        began = time.monotonic()
        while True:
            with contextlib.suppress(LakeError):
                assert root.whoami().name == "root"
                break
            assert time.monotonic() - began < 60, "the only thread still waits"
        assert private.asked
