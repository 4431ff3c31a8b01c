"""Long objects in pieces: whatever breaks on the way, the object is whole or is as it was, and nothing is left."""

from __future__ import annotations

import os

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import KeyExistsError, StorageError
from deeplake_nb.storage import gcs_parts
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import put_parts
from deeplake_nb.urls import parse
from tests.fakes import gcs, proxy

TOKEN = "ya29.everything"
PART = 256 << 10


@pytest.fixture
def service():
    with gcs.emulator() as service:
        service.issue(token=TOKEN)
        yield service


@pytest.fixture
def breaking(service):
    """A proxy in front of the service that breaks what passes through."""
    with proxy.fault_proxy(service.endpoint.removeprefix("http://")) as breaking:
        yield breaking


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Parts of 256 kB, and no pauses between attempts."""
    monkeypatch.setattr(gcs_parts, "WHOLE_NBYTES", 2 * PART)
    monkeypatch.setattr(gcs_parts, "PART_NBYTES", PART)
    monkeypatch.setattr("deeplake_nb.storage.retries._FIRST_SECONDS", 0.0)


def opened(endpoint):
    url = parse("gcs://bucket/x")
    return open_storage(url, credentials_from(url, {"token": TOKEN, "endpoint_url": endpoint}, environ=os.environ))


CONTENT = os.urandom(5 * PART + 1234)


def test_a_long_put_goes_in_parts(service):
    storage = opened(service.endpoint)
    storage.put("k", [CONTENT[:7], CONTENT[7:PART], CONTENT[PART:]])
    assert service.read("bucket", "x/k") == CONTENT
    assert [method for method, _ in service.requests] == ["POST", *["PUT"] * 6]
    assert service.buckets["bucket"].objects["x/k"].metadata["cacheControl"] == "no-store"
    assert service.sessions == {}


def test_a_short_put_goes_in_one(service):
    storage = opened(service.endpoint)
    storage.put("k", CONTENT[: 2 * PART])
    put_parts(storage, "l", [CONTENT[: PART - 9], CONTENT[PART - 9 : PART]], PART)
    put_parts(storage, "empty", [], 0)
    assert [method for method, _ in service.requests] == ["POST"] * 3
    assert (service.read("bucket", "x/l"), service.read("bucket", "x/empty")) == (CONTENT[:PART], b"")


def test_pieces_of_any_size_with_progress(service):
    seen = []
    pieces = (CONTENT[start : start + 100_000] for start in range(0, len(CONTENT), 100_000))
    put_parts(opened(service.endpoint), "k", pieces, len(CONTENT), progress=seen.append)
    assert service.read("bucket", "x/k") == CONTENT
    assert seen == [*[PART] * 5, 1234]


def test_a_part_of_full_size_may_be_the_last(service):
    put_parts(opened(service.endpoint), "k", [CONTENT[: 3 * PART]], 3 * PART)
    assert service.read("bucket", "x/k") == CONTENT[: 3 * PART]


@pytest.mark.parametrize("stated", [len(CONTENT) - 1, len(CONTENT) + 1, 5 * PART, PART, 9, 2 * len(CONTENT)])
def test_pieces_that_are_not_what_was_announced(service, stated):
    service.write("bucket", "x/k", b"as it was")
    with pytest.raises(StorageError, match=f"instead of {stated}"):
        put_parts(opened(service.endpoint), "k", [CONTENT], stated)
    assert service.read("bucket", "x/k") == b"as it was"
    assert service.sessions == {}


def test_a_long_put_if_absent(service):
    storage = opened(service.endpoint)
    storage.put("k", CONTENT, if_absent=True)
    with pytest.raises(KeyExistsError, match="gcs://bucket/x/k exists already"):
        storage.put("k", CONTENT[::-1], if_absent=True)
    assert service.read("bucket", "x/k") == CONTENT


def test_a_long_put_that_loses_the_race_at_its_end(service):
    def overtaken():
        yield CONTENT[: 3 * PART]
        service.write("bucket", "x/k", b"the winner")
        yield CONTENT[3 * PART :]

    with pytest.raises(KeyExistsError):
        gcs_parts.upload(opened(service.endpoint), "k", overtaken(), len(CONTENT), if_absent=True)
    assert service.read("bucket", "x/k") == b"the winner"
    assert service.sessions == {}


def test_a_source_that_fails_leaves_nothing(service):
    def failing():
        yield CONTENT[: 3 * PART]
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        put_parts(opened(service.endpoint), "k", failing(), len(CONTENT))
    assert service.read("bucket", "x/k") is None
    assert service.sessions == {}


FAULTS = {
    "refused": proxy.status(503),
    "throttled": proxy.status(429),
    "reset": proxy.reset,
    "lost": proxy.lost,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", range(7))
def test_one_broken_request_is_survived(service, breaking, fault, number):
    breaking.faults = [None] * number + [FAULTS[fault]]
    opened(breaking.endpoint).put("k", CONTENT)
    assert breaking.faults == []
    assert service.read("bucket", "x/k") == CONTENT
    assert breaking.unexpected == []
    if fault != "lost" or number:
        assert service.sessions == {}


def test_many_broken_requests_are_survived(service, breaking):
    breaking.faults = [proxy.lost, None, proxy.reset, proxy.lost, None, proxy.status(500), proxy.lost, proxy.lost]
    opened(breaking.endpoint).put("k", CONTENT)
    assert service.read("bucket", "x/k") == CONTENT


def test_a_part_of_which_some_arrived_goes_on_from_there(service, breaking, monkeypatch):
    monkeypatch.setattr(gcs_parts, "PART_NBYTES", 2 * PART)

    def half(exchange):
        exchange.body = exchange.body[:PART]
        for name, value in {"Content-Length": PART, "Content-Range": f"bytes 0-{PART - 1}/{len(CONTENT)}"}.items():
            exchange.headers.replace_header(name, str(value))
        assert exchange.forward().status == 308
        exchange.reset()

    breaking.faults = [None, half]
    opened(breaking.endpoint).put("k", CONTENT)
    assert service.read("bucket", "x/k") == CONTENT
    assert breaking.unexpected == []
    assert [method for method, _ in breaking.seen] == ["POST", "PUT", "PUT", "PUT", "PUT", "PUT"]


def test_a_storage_that_stays_broken_is_reported_and_nothing_is_left(service, breaking):
    service.write("bucket", "x/k", b"as it was")
    breaking.faults = [None, None]
    breaking.always = lambda exchange: proxy.status(503) if exchange.method == "PUT" else None
    with pytest.raises(StorageError) as caught:
        opened(breaking.endpoint).put("k", CONTENT)
    assert type(caught.value) is StorageError
    assert str(caught.value) == (
        f"cannot put gcs://bucket/x/k (503 from {breaking.endpoint}, credentials: argument):"
        " the storage is overloaded: try again in a moment"
    )
    assert service.read("bucket", "x/k") == b"as it was"
    assert service.sessions == {}


def test_what_cannot_be_cancelled_is_said(service, breaking):
    breaking.faults = [None]
    breaking.always = lambda exchange: proxy.reset
    with pytest.raises(StorageError) as caught:
        opened(breaking.endpoint).put("k", CONTENT)
    [note] = caught.value.__notes__
    assert note.startswith("the upload of gcs://bucket/x/k could not be cancelled, and ends in a week: cannot delete")
    [session] = service.sessions
    assert session not in note + str(caught.value)


def test_a_session_that_is_gone_is_an_error(service, breaking):
    def forgetting(exchange):
        service.sessions.clear()

    breaking.faults = [None, None]
    breaking.always = forgetting
    with pytest.raises(StorageError, match=r"cannot put gcs://bucket/x/k \(404"):
        opened(breaking.endpoint).put("k", CONTENT)
    assert service.read("bucket", "x/k") is None
