"""The client, against servers that fail in every way a server can, and one that is not there."""

from __future__ import annotations

import json
import pickle
import socket
import threading

import pytest

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import (
    CredentialsError,
    DatasetNotFoundError,
    HubError,
    HubTokenError,
    LakeError,
    PermissionDeniedError,
    UrlError,
)
from deeplake_nb.hub.remote import HubClient
from tests.fakes.canned import Answer, canned_server
from tests.fakes.tls import certificate

CANARY = "dlnb_c4naryC4NARYc4naryC4NARY"
WHO = Answer(200, b'{"name": "ann", "orgs": {}}')


def said(status, kind="hub", description="said by the server", **headers):
    return Answer(status, json.dumps({"kind": kind, "description": description}).encode(), headers)


@pytest.fixture
def server():
    with canned_server() as running:
        running.answers = [WHO]
        yield running


@pytest.fixture
def waited():
    return []


@pytest.fixture
def client(server, waited):
    with_token = HubClient(server.endpoint, Secret(CANARY), environ={}, sleep=waited.append)
    yield with_token
    with_token.close()


def test_the_token_goes_in_a_header_and_nowhere_else(client, server):
    assert client.whoami().name == "ann"
    ((verb, path, headers),) = server.requests
    assert (verb, path, headers["Authorization"]) == ("GET", "/api/v1/whoami", f"Bearer {CANARY}")
    assert CANARY not in repr(client)
    with pytest.raises(CredentialsError):
        pickle.dumps(client)


def test_parameters_go_where_the_table_says(client, server):
    server.answers = [Answer(200, b'{"entries": [], "after": "x"}')]
    assert client.datasets("an org?#", after="å&b", limit=7).after == "x"
    assert server.requests[-1][1] == "/api/v1/orgs/an%20org%3F%23/datasets?after=%C3%A5%26b&limit=7"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "\0", "\ud800"])
def test_a_name_that_a_path_would_lose_is_not_sent(client, server, name):
    with pytest.raises(UrlError):
        client.delete("org", name)
    assert server.requests == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_tried_again(client, server, waited, status):
    server.answers = [said(status), said(status), WHO]
    assert client.whoami().name == "ann"
    assert len(server.requests) == 3
    assert len(waited) == 2
    assert all(0 <= seconds < 1 for seconds in waited)


def test_a_server_that_stays_away_is_given_up_with_its_own_words(client, server, waited):
    server.answers = [said(503)]
    with pytest.raises(HubError, match="said by the server") as failed:
        client.whoami()
    assert type(failed.value) is HubError
    assert len(server.requests) == 4


def test_it_comes_back_when_it_was_told_to_but_not_next_week(client, server, waited):
    server.answers = [said(429, **{"Retry-After": "3"}), said(429, **{"Retry-After": "100000"}), WHO]
    client.whoami()
    assert waited == [3, 10]


def test_what_may_not_be_done_twice_is_repeated_only_where_it_was_not_done(client, server):
    made = json.dumps(["dlnb_x", {"id": "1", "label": "l", "tail": "x", "scope": "writer", "org": None}])
    made = made.replace('"org": null', '"org": null, "created_at": "2030-01-01T00:00:00Z", "expires_at": null')
    server.answers = [said(429), Answer(200, made.replace("null}", 'null, "used_at": null}').encode())]
    assert client.create_token("l")[0] == "dlnb_x"
    assert len(server.requests) == 2
    for away in (502, 503, 504):
        server.requests.clear()
        server.answers = [said(away)]
        with pytest.raises(HubError):
            client.create_token("l")
        assert len(server.requests) == 1


def test_an_answer_that_breaks_off_is_asked_for_again_or_reported(client, server):
    server.answers = [Answer(200, b"{", declared=50), WHO]
    assert client.whoami().name == "ann"
    server.answers = [Answer(200, b"{", declared=50)]
    with pytest.raises(HubError, match="may have done"):
        client.create_org("acme")
    assert len(server.requests) == 3


KINDS = [
    ("permission-denied", 403, PermissionDeniedError),
    ("dataset-not-found", 404, DatasetNotFoundError),
    ("credentials", 422, CredentialsError),
    ("url", 400, UrlError),
    ("hub-conflict", 409, HubError),
    ("of another version", 418, HubError),
    ("lake", 400, LakeError),
]


@pytest.mark.parametrize(("kind", "status", "error"), KINDS)
def test_an_error_arrives_as_the_class_it_left_as(client, server, kind, status, error):
    server.answers = [said(status, kind)]
    with pytest.raises(error, match=r"^said by the server$"):
        client.whoami()
    assert len(server.requests) == 1


def test_a_refused_token_says_how_to_get_another(client, server):
    server.answers = [said(401, "hub-token", "it is over.")]
    with pytest.raises(HubTokenError, match=rf"it is over\. Run `deeplake-nb login {server.endpoint}`"):
        client.whoami()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>welcome</html>"),
        Answer(200, b"\xff\xfe"),
        Answer(200, b"[]"),
        Answer(200, b'{"name": 1, "orgs": {}}'),
        Answer(500, b"Internal Server Error"),
        Answer(404, b"<html>"),
        Answer(302, b"", {"Location": "http://127.0.0.1:9/elsewhere"}),
    ],
    ids=lambda answer: f"{answer.status} {answer.body!r}",
)
def test_something_else_than_a_hub_is_told_as_such(client, server, answer):
    server.answers = [answer]
    with pytest.raises(HubError, match="is it a hub"):
        client.whoami()
    assert len(server.requests) == 1


def test_no_server_is_one_clear_error_and_no_loop(waited):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    client = HubClient(f"http://127.0.0.1:{port}", Secret(CANARY), environ={}, sleep=waited.append)
    with pytest.raises(
        HubError, match=r"no hub answers at .*`deeplake-nb hub serve`, or set DEEPLAKE_NB_HUB"
    ) as failed:
        client.create_org("acme")
    assert len(waited) == 3
    assert type(failed.value) is HubError
    frames = []
    error = failed.value
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            if "deeplake_nb" in trace.tb_frame.f_code.co_filename or "urllib3" in trace.tb_frame.f_code.co_filename:
                frames.append(repr(trace.tb_frame.f_locals))
            trace = trace.tb_next
        error = error.__cause__
    assert len(frames) >= 2
    assert CANARY not in "".join(frames)


def test_a_certificate_that_is_not_trusted(tmp_path):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path), tmp_path / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse():
            with pytest.raises(OSError):  # noqa: PT012 - the client hangs up somewhere in here
                taken, _ = listening.accept()
                context.wrap_socket(taken, server_side=True).recv(1)

        thread = threading.Thread(target=refuse)
        thread.start()
        client = HubClient(f"https://127.0.0.1:{listening.getsockname()[1]}", Secret(CANARY), environ={})
        with pytest.raises(HubError, match=r"certificate .* is not trusted: set SSL_CERT_FILE"):
            client.whoami()
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "hub.example.org",
        "ftp://hub.example.org",
        "https://",
        "https://user:pw@hub.example.org",
        "https://hub.example.org/?x=1",
        "https://hub.example.org:0",
        "https://hub.example.org:port",
        "http://[::1",
    ],
)
def test_an_address_that_cannot_be(url):
    with pytest.raises(UrlError, match="hub's address"):
        HubClient(url, Secret("t"), environ={})


def test_no_token_goes_over_an_open_network_unless_told_so():
    with pytest.raises(UrlError, match="not encrypted"):
        HubClient("http://hub.example.org", Secret("t"), environ={})
    HubClient("http://hub.example.org", Secret("t"), environ={"DEEPLAKE_NB_HUB_INSECURE": "yes"})
    assert HubClient("http://[::1]:7777/", Secret("t"), environ={}).url == "http://[::1]:7777"


def test_many_threads_share_it(server):
    client = HubClient(server.endpoint, Secret(CANARY), environ={})
    names = []
    threads = [threading.Thread(target=lambda: names.append(client.whoami().name)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["ann"] * 16
