"""What stands in front of every request: names, origins, headers, sizes, times, rates, and the log."""

from __future__ import annotations

import json
import socket
import time

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.hub import routes
from deeplake_nb.server.limits import Buckets
from tests.fakes.hub import hub_server

CANARY = "dlnb_c4naryC4NARYc4nary"
PAGE = "https://lab.example.org"
WHO = f"{routes.BASE}/whoami"


@pytest.fixture(scope="module")
def strict():
    """A server with few allowances."""
    with hub_server(
        DEEPLAKE_NB_HUB_HOSTS="localhost,Hub.Example.org",
        DEEPLAKE_NB_HUB_ORIGINS=PAGE,
        DEEPLAKE_NB_HUB_BODY_NBYTES="2000",
        DEEPLAKE_NB_HUB_SECONDS="8",
        DEEPLAKE_NB_HUB_PER_TOKEN="20",
        DEEPLAKE_NB_HUB_PER_ADDRESS="100",
    ) as running:
        yield running


@pytest.fixture
def ask(strict):
    pool = urllib3.PoolManager()

    def ask(path=WHO, verb="GET", body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers = {"Authorization": f"Bearer {strict.token.reveal()}"} | headers
        answer = pool.request(verb, strict.url + path, body=body, headers=headers, retries=False)
        while answer.status == 429:
            time.sleep(float(answer.headers["Retry-After"]))
            answer = pool.request(verb, strict.url + path, body=body, headers=headers, retries=False)
        return answer

    return ask


def description(answer):
    said = json.loads(answer.data)
    assert set(said) == {"kind", "description"}
    return said["description"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "hub.example.org", "hub.example.org:443"])
def test_its_names_are_answered(ask, host):
    assert ask(Host=host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost.evil.example", "evil.example:7777", "x@localhost", "*"]
)
def test_other_names_are_not(ask, host):
    answer = ask(Host=host)
    assert (answer.status, "DEEPLAKE_NB_HUB_HOSTS" in description(answer)) == (400, True)


def test_a_page_that_is_allowed_is_told_so_by_name(ask):
    answer = ask(Origin=PAGE)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    asked = ask(verb="OPTIONS", Origin=PAGE, Access_Control_Request_Method="PUT")
    assert asked.status == 204
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://lab.example.org.evil.example", "http://lab.example.org"]
)
def test_other_pages_are_refused_and_get_no_header(ask, origin):
    for verb, more in (("GET", {}), ("POST", {}), ("OPTIONS", {"Access_Control_Request_Method": "PUT"})):
        answer = ask(verb=verb, Origin=origin, **more)
        assert answer.status == 403
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_a_form_of_a_page_cannot_ask(ask):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = ask(f"{routes.BASE}/orgs", "POST", b'{"org": "stolen"}', Content_Type=kind)
        assert (answer.status, "application/json" in description(answer)) == (400, True)


def test_every_answer_has_the_headers_that_keep_it_safe(ask):
    for answer in (ask(), ask("/nothing"), ask(verb="TRACE"), ask(Authorization="Bearer x"), ask(Host="evil.example")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "*" not in str(dict(answer.headers))
        assert "Server" not in answer.headers


def test_what_is_not_there_is_said_in_json(ask):
    assert (ask("/nothing").status, ask(f"{WHO}/").status) == (404, 404)
    wrong = ask(verb="PATCH")
    assert (wrong.status, "GET" in wrong.headers["Allow"]) == (405, True)
    assert "openapi.json" in description(wrong)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"org": NaN}',
        b"\xff",
        b"[" * 1500,
        b'{"org": 1}',
        b'{"org": "a", "x": 1}',
        b'{"org":"\\ud800"}',
    ],
)
def test_a_body_that_cannot_be_is_refused(ask, body):
    answer = ask(f"{routes.BASE}/orgs", "POST", body, Content_Type="application/json")
    assert answer.status == 400
    assert description(answer)


def test_what_a_query_repeats_or_invents_is_refused(ask):
    for query in ("?limit=1&limit=2", "?limit=one", "?colour=green", "?limit=0", "?limit=99999999999999999999"):
        assert ask(f"{routes.BASE}/orgs/x/datasets{query}").status in (400, 422), query
    assert ask(f"{routes.BASE}/orgs?x=1", "POST", b'{"org": "a"}', Content_Type="application/json").status == 400


def test_a_body_that_is_too_long_is_refused_before_it_is_read(strict, ask):
    assert ask(f"{routes.BASE}/orgs", "POST", b"x" * 2001).status == 413

    lines = [f"POST {routes.BASE}/orgs HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked"]
    with socket.create_connection(("127.0.0.1", strict.port)) as talkative:
        talkative.settimeout(60)
        talkative.sendall("\r\n".join([*lines, f"Authorization: Bearer {strict.token.reveal()}", "", ""]).encode())
        for _ in range(3):
            talkative.sendall(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        assert talkative.recv(1000).startswith(b"HTTP/1.1 413")


def test_a_body_that_does_not_come_is_not_waited_for(strict):
    with socket.create_connection(("127.0.0.1", strict.port)) as slow:
        lines = [f"POST {routes.BASE}/orgs HTTP/1.1", "Host: localhost", "Authorization: Bearer x", "Content-Length: 9"]
        slow.sendall("\r\n".join([*lines, "", ""]).encode())
        slow.settimeout(60)
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")


def test_who_asks_too_often_is_told_when_to_come_back(strict):
    pool, token = urllib3.PoolManager(), strict.user("eager")._token.reveal()
    headers = {"Authorization": f"Bearer {token}"}
    statuses = []
    for _ in range(10_000):  # a slow machine asks hardly faster than it may
        answer = pool.request("GET", strict.url + WHO, headers=headers, retries=False)
        statuses.append(answer.status)
        if answer.status == 429:
            break
    assert statuses[0] == 200
    assert answer.status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 10
    other = {"Authorization": f"Bearer {strict.token.reveal()}"}
    assert pool.request("GET", strict.url + WHO, headers=other, retries=False).status == 200


def test_who_guesses_tokens_is_slowed_down():
    with hub_server(DEEPLAKE_NB_HUB_PER_ADDRESS="10") as guessed:
        pool, seen = urllib3.PoolManager(), []
        for number in range(30):
            headers = {"Authorization": f"Bearer dlnb_{number}"}
            seen.append(pool.request("GET", guessed.url + WHO, headers=headers, retries=False).status)
        assert seen[0] == 401
        assert seen.count(401) <= 10, "however long it takes: one more every two seconds"
        assert set(seen) == {401, 429}


def test_no_secret_is_in_the_log(strict, ask):
    ask(f"{WHO}?token={CANARY}", Authorization=f"Bearer {CANARY}")
    ask(
        f"{routes.BASE}/orgs",
        "POST",
        json.dumps({"org": CANARY}).encode(),
        Content_Type="application/json",
        Origin=CANARY,
    )
    ask(f"{routes.BASE}/orgs", "POST", CANARY.encode(), Cookie=CANARY)
    log = strict.log.read_text()
    assert WHO in log
    assert CANARY not in log
    assert strict.token.reveal() not in log


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 30)), max_size=60))
def test_a_bucket_gives_no_more_than_it_gains(steps):
    now, taken = [0.0], 0
    bucket = Buckets(2.0, lambda: now[0])
    for pause, cost in steps:
        now[0] += pause
        wait = bucket.take(b"a", cost)
        if not wait:
            taken += cost
        elif cost <= 20:
            now[0] += wait + 1e-6
            assert bucket.take(b"a", cost) == 0.0
            taken += cost
    assert taken <= 20 + 2.0 * now[0] + 1e-3


def test_buckets_forget_the_least_lately_used():
    buckets = Buckets(1.0, lambda: 0.0, remembered=2)
    assert buckets.take(b"a", 10) == 0.0
    assert buckets.take(b"a", 1) > 0
    for name in (b"b", b"c"):
        buckets.take(name)
    assert buckets.take(b"a", 10) == 0.0
    assert len(buckets._kept) == 2
