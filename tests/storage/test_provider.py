"""Functions over the five verbs."""

from __future__ import annotations

import threading
import time
import uuid

import pytest

from deeplake_nb.errors import KeyNotFoundError, StorageError
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.provider import DeletesAll, ReadsInto, delete_all, get_into, get_many, is_empty
from deeplake_nb.storage.ranges import ByteRange
from deeplake_nb.storage.wrappers import Wrapper
from deeplake_nb.urls import parse


class Distant(Wrapper):
    """Memory behind a wire: each get takes a while, and the number under way is watched."""

    concurrency = 4

    def __init__(self, inner):
        super().__init__(inner)
        self.begun, self.now, self.most, self.threads = [], 0, 0, set()
        self.lock = threading.Lock()

    def get(self, key, byte_range=None):
        with self.lock:
            self.begun.append(key)
            self.threads.add(threading.get_ident())
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        try:
            if key == "fails":
                raise StorageError("injected")
            if key == "bug":
                raise ZeroDivisionError
            return super().get(key, byte_range)
        finally:
            with self.lock:
                self.now -= 1


@pytest.fixture
def memory():
    return MemoryStorage(parse(f"mem://{uuid.uuid4()}"))


@pytest.fixture
def distant(memory):
    for n in range(100):
        memory.put(f"{n}", b"%d" % n)
    return Distant(memory)


def test_requests_go_side_by_side_up_to_the_limit(distant):
    answers = get_many(distant, [(f"{n}", None) for n in range(100)])
    assert [bytes(answer) for answer in answers] == [b"%d" % n for n in range(100)]
    assert distant.most == 4
    list(get_many(distant, [(f"{n}", None) for n in range(20)], max_workers=9))
    assert distant.most == 9


def test_one_worker_needs_no_thread(distant):
    answers = get_many(distant, [(f"{n}", None) for n in range(3)], max_workers=1)
    assert bytes(next(answers)) == b"0"
    assert distant.begun == ["0"]
    assert [bytes(answer) for answer in answers] == [b"1", b"2"]
    assert distant.threads == {threading.get_ident()}


def test_reading_does_not_run_away_from_the_consumer(distant):
    answers = get_many(distant, [(f"{n}", None) for n in range(100)])
    assert bytes(next(answers)) == b"0"
    limit = 1 + 2 * distant.concurrency
    deadline = time.monotonic() + 30
    while len(distant.begun) < limit and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(distant.begun) == limit
    answers.close()


def test_stopping_early_cancels_the_rest(distant):
    answers = get_many(distant, [(f"{n}", None) for n in range(100)])
    next(answers)
    answers.close()
    begun = len(distant.begun)
    time.sleep(0.1)
    assert len(distant.begun) <= begun + distant.concurrency < 100


def test_an_error_stands_in_its_place_and_a_bug_is_raised(distant):
    answers = list(get_many(distant, [("1", None), ("fails", None), ("none", None), ("2", None)]))
    assert [type(answer) for answer in answers] == [memoryview, StorageError, KeyNotFoundError, memoryview]
    with pytest.raises(ZeroDivisionError):
        list(get_many(distant, [("1", None), ("bug", None), ("2", None)]))


def test_ranges_of_a_failing_read_all_fail(distant):
    requests = [("fails", ByteRange(n, n + 1)) for n in range(5)]
    assert [type(answer) for answer in get_many(distant, requests)] == [StorageError] * 5
    assert distant.begun == ["fails"]


def test_the_small_protocols_are_optional(memory):
    assert not isinstance(memory, ReadsInto)
    assert not isinstance(memory, DeletesAll)
    assert isinstance(Wrapper(memory), ReadsInto)
    memory.put("a/k", b"12345")
    target = bytearray(3)
    assert get_into(memory, "a/k", target, start=1) == 3
    assert target == b"234"
    delete_all(memory)
    assert is_empty(memory)
