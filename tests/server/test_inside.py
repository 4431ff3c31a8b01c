"""A hub that anybody may give an address to does not reach into its own network: tried on a server that runs."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from deeplake_nb.errors import PermissionDeniedError
from tests.fakes.hub import hub_server
from tests.suites.hub import KEYS


@pytest.fixture(scope="module")
def private():
    """A service of the server's own network; ``asked`` are the requests that reached it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def strict():
    with hub_server(DEEPLAKE_NB_HUB_REACH="") as running:
        root = running.client()
        root.create_org("acme")
        root.add_key("acme", "k", "aws-keys", {name: KEYS[name] for name in KEYS if name != "endpoint_url"})
        yield running


def key_file(token_uri):
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "a@p.iam.gserviceaccount.com",
            "private_key": "x",
            "private_key_id": "1",
            "token_uri": token_uri,
        }
    )


def test_no_key_points_inside(strict, private):
    root, url = strict.client(), private.url
    for kind, fields, prefixes in (
        ("aws-keys", KEYS | {"endpoint_url": url}, ()),
        ("aws-keys", KEYS | {"endpoint_url": "http://[::ffff:127.0.0.1]:80"}, ()),
        ("aws-role", {"role_arn": "arn:aws:iam::123456789012:role/hub", "sts_endpoint_url": url}, ()),
        ("gcs-account", {"key": key_file("https://oauth2.googleapis.com/token"), "endpoint_url": url}, ()),
        ("gcs-account", {"key": key_file(f"{url}/token")}, ()),
        ("azure-key", {"account_name": "a", "account_key": "QUJD" * 16, "endpoint_url": url}, ()),
        ("http-token", {"token": "t"}, ["http://127.0.0.1/x"]),
        ("http-token", {"token": "t"}, ["https://169.254.169.254/x"]),
    ):
        with pytest.raises(PermissionDeniedError, match="own network"):
            root.add_key("acme", "bad", kind, fields, prefixes=prefixes)
    with pytest.raises(PermissionDeniedError, match="own network"):
        root.rotate_key("acme", "k", KEYS | {"endpoint_url": url})
    assert [key.name for key in root.keys("acme")] == ["k"]
    assert private.asked == []


def test_no_place_points_inside(strict, private):
    root = strict.client()
    for ask in (
        lambda: root.connect(f"{private.url}/ds", "acme"),
        lambda: root.try_key("acme", "k", f"{private.url}/ds"),
        lambda: root.lend("acme", "k", url=f"{private.url}/ds"),
        lambda: root.set_default_storage("acme", f"{private.url}/ds"),
    ):
        with pytest.raises(PermissionDeniedError, match="own network"):
            ask()
    assert root.datasets("acme").entries == ()
    assert private.asked == []


def test_what_was_allowed_once_is_looked_at_again(private):
    """The administrator takes a network back: keys that point there are asked no more."""
    with hub_server() as server:
        root = server.client()
        root.create_org("acme")
        root.add_key("acme", "k", "aws-keys", KEYS | {"endpoint_url": private.url, "role_arn": ROLE})
        root.try_key("acme", "k", "s3://bucket/x")
        assert private.asked != []
        private.asked.clear()
        server.kill()
        server.environ["DEEPLAKE_NB_HUB_REACH"] = ""
        server.start()
        trial = server.client().try_key("acme", "k", "s3://bucket/x")
        assert not trial.is_good
        assert "own network" in repr(trial.steps)
        assert private.asked == []


ROLE = "arn:aws:iam::123456789012:role/hub"
