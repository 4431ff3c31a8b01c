"""Requests of the page: one answer each, on worker threads, cancelled when not wanted."""

from __future__ import annotations

import logging
import queue
import threading

import pytest

from deeplake_nb.errors import RowError
from deeplake_nb.widgets import dispatch
from deeplake_nb.widgets.dispatch import Dispatcher
from deeplake_nb.widgets.requests import MAX_ROWS, RequestError, sample_request, tiles_request

SECONDS = 60


class Page:
    """Keeps what is sent to it, and lets a test wait for it."""

    def __init__(self):
        self.received = []
        self._changed = threading.Condition()

    def send(self, content, buffers):
        with self._changed:
            self.received.append((content, buffers))
            self._changed.notify_all()

    def wait(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, SECONDS), self.received
            return self.received[:count]


@pytest.fixture
def page():
    return Page()


@pytest.fixture
def dispatcher(page):
    made = []

    def make(**handlers):
        made.append(Dispatcher(page.send, handlers))
        return made[-1]

    yield make
    for one in made:
        one.close()


def request(number, kind="echo", **fields):
    return {"v": 1, "id": number, "kind": kind, **fields}


def test_a_reply_has_the_request_s_id_and_its_buffers(page, dispatcher):
    def echo(content, buffers, is_wanted):
        buffers.append(b"pixels")
        return {"said": content["say"], "wanted": is_wanted()}

    dispatcher(echo=echo).receive(request(7, say="hello"))
    ((content, buffers),) = page.wait(1)
    assert content == {"v": 1, "id": 7, "kind": "echo.ok", "said": "hello", "wanted": True}
    assert buffers == [b"pixels"]


def test_handlers_run_beside_each_other_and_off_the_kernel_s_thread(page, dispatcher):
    both = threading.Barrier(2)
    threads = set()

    def meet(content, buffers, is_wanted):
        threads.add(threading.current_thread())
        both.wait(SECONDS)
        return {}

    waiting = dispatcher(echo=meet)
    waiting.receive(request(1))
    waiting.receive(request(2))
    assert {content["id"] for content, _ in page.wait(2)} == {1, 2}
    assert threading.current_thread() not in threads
    assert len(threads) == 2


def test_our_errors_go_to_the_page_with_their_kind(page, dispatcher):
    def fail(content, buffers, is_wanted):
        raise RowError("row 9 is out of range; there are 3 rows")

    dispatcher(echo=fail).receive(request(1))
    ((content, _),) = page.wait(1)
    assert content["kind"] == "echo.error"
    assert content["error"] == {"code": "row", "message": "row 9 is out of range; there are 3 rows"}


def test_a_bug_goes_to_the_log_with_its_traceback_and_to_the_page_without_its_words(page, dispatcher, caplog):
    def crash(content, buffers, is_wanted):
        raise ZeroDivisionError("private")

    with caplog.at_level(logging.ERROR, "deeplake_nb"):
        dispatcher(echo=crash).receive(request(1))
        ((content, _),) = page.wait(1)
    assert content["error"]["code"] == "internal"
    assert "private" not in content["error"]["message"]
    assert "ZeroDivisionError: private" in caplog.text


def test_a_cancelled_request_is_not_answered_and_learns_of_it(page, dispatcher):
    started, cancelled, learned = threading.Event(), threading.Event(), queue.Queue()

    def slow(content, buffers, is_wanted):
        started.set()
        assert cancelled.wait(SECONDS)
        learned.put(is_wanted())
        return {}

    busy = dispatcher(echo=slow, quick=lambda *_: {})
    busy.receive(request(1))
    assert started.wait(SECONDS)
    busy.receive({"v": 1, "id": 1, "kind": "cancel"})
    cancelled.set()
    busy.receive(request(2, "quick"))
    ((content, _),) = page.wait(1)
    assert content["id"] == 2
    assert learned.get(timeout=SECONDS) is False


def test_a_request_waiting_in_the_queue_is_never_run_once_cancelled(page, dispatcher, monkeypatch):
    monkeypatch.setattr(dispatch, "_WORKERS", 2)
    release, run = threading.Event(), []

    def slow(content, buffers, is_wanted):
        run.append(content["id"])
        assert release.wait(SECONDS)
        return {}

    busy = dispatcher(echo=slow)
    for number in (1, 2, 3):
        busy.receive(request(number))
    busy.receive({"v": 1, "id": 3, "kind": "cancel"})
    release.set()
    page.wait(2)
    busy.receive(request(4))
    page.wait(3)
    assert 3 not in run


@pytest.mark.parametrize("stray", [None, "text", 7, {}, {"id": "1", "kind": "echo"}, {"id": True, "kind": "echo"}])
def test_what_is_no_request_is_logged_and_left(page, dispatcher, caplog, stray):
    quiet = dispatcher(echo=lambda *_: {})
    quiet.receive(stray)
    quiet.receive(request(1))
    assert [content["id"] for content, _ in page.wait(1)] == [1]
    assert "is no request" in caplog.text


def test_an_unknown_kind_or_version_is_refused(page, dispatcher):
    strict = dispatcher(echo=lambda *_: {})
    strict.receive(request(1, "nonsense"))
    strict.receive({"v": 2, "id": 2, "kind": "echo"})
    codes = [content["error"]["code"] for content, _ in page.wait(2)]
    assert codes == ["unknown-kind", "version"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": "all"}, "rows must be"),
        ({"rows": [1, "2"]}, "rows must be"),
        ({"rows": [0] * (MAX_ROWS + 1)}, f"at most {MAX_ROWS}"),
        ({"tensor": None}, "tensor must be"),
        ({"box": 0}, "box must be"),
        ({"box": 10**9}, "box must be"),
        ({"box": True}, "box must be"),
    ],
)
def test_a_malformed_request_says_which_field(change, message):
    with pytest.raises(RequestError, match=message):
        tiles_request({"tensor": "images", "rows": [0], "box": 256, **change})


def test_a_sample_request_needs_one_row():
    assert sample_request({"tensor": "x", "row": 3, "box": 9, "id": 1}) == {
        "tensor": "x",
        "row": 3,
        "item": 0,
        "box": 9,
    }
    with pytest.raises(RequestError, match="row must be"):
        sample_request({"tensor": "x", "row": [3], "box": 9})
