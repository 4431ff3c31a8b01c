"""What a stranger tries at the door of a hub: each of these once worked, or told too much."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import socket
import stat
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest
import uvicorn

from deeplake_nb.credentials import transport
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import HubError
from deeplake_nb.hub.domain import HubCore
from deeplake_nb.hub.remote import HubClient
from deeplake_nb.hub.store import Store
from deeplake_nb.server import connection
from deeplake_nb.server.app import create_app
from deeplake_nb.server.limits import _address
from tests.hub.hubs import core_at

CANARY = "canary-of-the-database"


@pytest.fixture
def core(tmp_path):
    core = core_at(tmp_path / "hub.db")
    yield core
    core.store.close()


def asked(core, token, address):
    """Status and body of one GET, in this process."""
    parts, sent = urlsplit(address), []
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": parts.path, "headers": headers}
    scope |= {"query_string": parts.query.encode(), "client": ("127.0.0.1", 1), "server": ("localhost", 80)}

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(create_app(core)({**scope, "root_path": "", "http_version": "1.1"}, receive, send))
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent))


def test_no_failure_of_the_hub_has_the_original_reset_a_dataset(core, monkeypatch):
    """It calls a dataset corrupt whose managed keys are answered with 500, and advises to overwrite it."""
    token = core.add_user("root", is_administrator=True)[0]

    def broken(self, user):
        raise ZeroDivisionError(CANARY)

    monkeypatch.setattr(HubCore, "acting", broken)
    status, said = asked(core, token, "/api/org/acme/storage/name?query=k")
    assert status == 404
    assert "log under" in said["description"]
    assert CANARY not in str(said)
    assert asked(core, token, "/api/org/acme/ds/cars/creds")[0] == 500


def test_a_key_that_lacks_something_is_no_404_on_credentials(core, monkeypatch):
    """The original takes a 404 there for a failure of its own, also when it asks whether a dataset exists."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    token = core.add_user("root", is_administrator=True)[0]
    root = core.acting(core.local_user("root"))
    root.create_org("acme")
    fields = {"role_arn": "arn:aws:iam::123456789012:role/r", "sts_endpoint_url": "http://127.0.0.1:9"}
    root.add_key("acme", "k", "aws-role", fields, prefixes=["s3://b"])
    root.connect("s3://b/cars", "acme", "cars", "k")
    status, said = asked(core, token, "/api/org/acme/ds/cars/creds?mode=r")
    assert (status, "no identity on AWS" in said["description"]) == (422, True)


def test_a_database_that_fails_says_where_it_is_to_the_log_alone(caplog):
    store = Store(Secret(f"postgresql://hubs-owner:{CANARY}@127.0.0.1:9/hubs-tables"))
    with caplog.at_level(logging.WARNING), pytest.raises(HubError, match="database failed") as failed, store.read():
        raise AssertionError("nobody listens there")
    store.close()
    for word in ("127.0.0.1", "hubs-owner", "hubs-tables", CANARY):
        assert word not in str(failed.value)
    assert "127.0.0.1" in caplog.text
    assert CANARY not in caplog.text


def test_a_database_named_by_its_address_is_its_owners_alone(tmp_path):
    store = Store(Secret(f"sqlite:///{tmp_path}/named.db"))
    store.upgrade()
    with store.read():
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    store.close()
    assert modes.keys() >= {"named.db", "named.db-wal"}
    assert set(modes.values()) == {0o600}


def test_a_token_address_that_leads_elsewhere_is_not_followed():
    """The address was looked at; where it sends the hub was not."""
    reached = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            reached.append(self.path)
            self.send_response(302 if self.path == "/token" else 200)
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/latest/meta-data")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        answer = transport.google_request(f"http://127.0.0.1:{server.server_port}/token", "POST", b"grant")
        server.shutdown()
        thread.join()
    assert (answer.status, reached) == (302, ["/token"])


def test_a_hub_of_this_machine_is_not_asked_by_way_of_a_proxy(monkeypatch):
    """Plain http is let pass there, as nothing leaves the machine; a proxy would read the token."""
    reached = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            reached.append(self.path)
            self.send_error(502)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        for host in ("127.0.0.1", "localhost", "[::1]"):
            client = HubClient(f"http://{host}:9", Secret("dlnb_x"), environ={}, sleep=lambda _: None)
            with pytest.raises(HubError, match="no hub answers"):
                client.whoami()
            client.close()
        server.shutdown()
        thread.join()
    assert [path for path in reached if ":9/" in path] == []  # not what a thread of an earlier test asks for


@pytest.fixture
def listening(core, monkeypatch):
    """The address of a server with the connections of `serve`, which waits for a second only."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1.0)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            create_app(core), http=connection.Connection, lifespan="off", ws="none", log_config=None
        )
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, args=([one],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield one.getsockname()
        server.should_exit = True
        thread.join()


HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


def said(client, nbytes=1 << 16):
    with contextlib.suppress(ConnectionResetError):
        return client.recv(nbytes)
    return b""


@pytest.mark.parametrize("begun", [HEAD + b"X: ", b"GET /", HEAD], ids=["one header", "an address", "many headers"])
def test_nobody_fills_the_memory_before_the_first_line_is_read(listening, begun):
    more = b"X: y\r\n" * 2000 if begun is HEAD else b"a" * 12_000
    with socket.create_connection(listening, timeout=20) as client:
        sent = len(begun)
        client.sendall(begun)
        with contextlib.suppress(OSError):
            while sent < 4 << 20:
                client.sendall(more)
                sent += len(more)
                time.sleep(0.01)
        assert sent < 1 << 20
        assert said(client)[:12] in {b"HTTP/1.1 400", b""}


@pytest.mark.parametrize("begun", [b"", b"GET", HEAD], ids=["nothing", "a word", "half"])
def test_nobody_holds_a_connection_by_saying_nothing(listening, begun):
    began = time.monotonic()
    with socket.create_connection(listening, timeout=60) as client:
        client.sendall(begun)
        assert said(client) == b""
    assert time.monotonic() - began > 0.8


def test_a_server_that_runs_has_these_connections(server):
    parts = urlsplit(server.url)
    with socket.create_connection(("127.0.0.1", parts.port), timeout=20) as client:
        client.sendall(HEAD + b"X: " + b"a" * (connection.HEAD_NBYTES + 1))
        assert said(client)[:12] == b"HTTP/1.1 400"


def test_requests_on_one_connection_are_answered_as_before(listening):
    client = HTTPConnection(*listening, timeout=20)
    for _ in range(3):
        client.request("GET", "/health", headers={"Host": "localhost", "X-Long": "a" * 20_000})
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"up"}')
        kept = client.sock
        time.sleep(1.5)  # longer than a head may take: nobody waits for one that has not begun
    assert client.sock is kept
    client.close()


@pytest.mark.parametrize("network", ["2001:db8::", "2001:db8:0:1::", "2001:db8:1::", "2001:0:0:5::", "::"])
def test_one_machine_of_ipv6_is_counted_once(network):
    ends = ("::1", "::a:0:0:1", "::a:b:c:d", "::b:0:0:0", "::0:0:c:0")
    names = set()
    for end in ends:
        number = int(ipaddress.IPv6Address(network)) | int(ipaddress.IPv6Address(end))
        names.add(_address({"client": (str(ipaddress.IPv6Address(number)), 1)}))
    assert len(names) == 1
    assert _address({"client": ("2001:db8:9:9::1", 1)}) not in names


def test_machines_of_ipv4_are_counted_apart():
    texts = ("10.0.0.1", "10.0.0.2", "::ffff:10.0.0.3", "::ffff:10.0.0.4", "a socket", "")
    assert len({_address({"client": (text, 1)}) for text in texts}) == len(texts)
    assert _address({}) == _address({"client": ("", 1)})
