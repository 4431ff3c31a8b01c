"""Functions over the five verbs."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import time
import uuid
import weakref
from functools import partial

import pytest

from deeplake_nb.errors import KeyNotFoundError, StorageError
from deeplake_nb.storage import parallel
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.provider import (
    DeletesAll,
    ReadsInto,
    delete_all,
    delete_many,
    get_into,
    get_many,
    in_parallel,
    is_empty,
    put_many,
    side_by_side,
)
from deeplake_nb.storage.ranges import ByteRange
from deeplake_nb.storage.wrappers import Wrapper
from deeplake_nb.urls import parse
from tests.eventually import eventually


class Distant(Wrapper):
    """Memory behind a wire: each get takes a while, and the number under way is watched."""

    concurrency = 4

    def __init__(self, inner):
        super().__init__(inner)
        self.begun, self.now, self.most, self.threads = [], 0, 0, set()
        self.lock = threading.Lock()

    def get(self, key, byte_range=None):
        with self.travel(key):
            return super().get(key, byte_range)

    def put(self, key, data, *, if_absent=False):
        with self.travel(key):
            super().put(key, data, if_absent=if_absent)

    def delete(self, key):
        with self.travel(key):
            super().delete(key)

    @contextlib.contextmanager
    def travel(self, key):
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
            yield
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
    for _ in range(50):  # threads that begin late leave fewer at once
        list(get_many(distant, [(f"{n}", None) for n in range(20)], max_workers=9))
        if distant.most >= 9:
            break
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
    eventually(lambda: len(distant.begun), lambda count: count >= limit)
    time.sleep(0.1)
    assert len(distant.begun) == limit
    answers.close()


def test_reading_does_not_pile_up_bytes(distant, memory, monkeypatch):
    monkeypatch.setattr(parallel, "_AHEAD_NBYTES", 250)
    for n in range(50):
        memory.put(f"{n}", bytes(100))
    answers = get_many(distant, [(f"{n}", None) for n in range(50)])
    next(answers)
    eventually(lambda: len(distant.begun), lambda count: count >= 3)
    time.sleep(0.3)
    assert len(distant.begun) <= 1 + 2 + distant.concurrency
    assert [len(answer) for answer in answers] == [100] * 49


def test_memory_stays_below_three_times_what_is_under_way(memory):
    """32 objects of 4 MB with 8 under way: what is held beside the consumer's own is bounded."""
    import tracemalloc

    class Copying(Wrapper):
        concurrency = 8

        def get(self, key, byte_range=None):
            time.sleep(0.01)
            return memoryview(bytearray(4 << 20))

    requests = [(f"{n}", None) for n in range(48)]
    tracemalloc.start()
    try:
        for answer in get_many(Copying(memory), requests):
            assert len(answer) == 4 << 20
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3 * 8 * (4 << 20)


def test_answers_that_are_kept_for_later_hold_nothing_up(distant, memory, monkeypatch):
    monkeypatch.setattr(parallel, "_AHEAD_NBYTES", 250)
    for n in range(50):
        memory.put(f"{n}", bytes([n]) * 100)
    keys = [f"{n}" for n in range(50)]
    answers = get_many(distant, [(key, None) for key in [*keys, *reversed(keys)]])
    assert [answer[0] for answer in answers] == [*range(50), *reversed(range(50))]
    assert sorted(distant.begun, key=int) == keys


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


def test_puts_go_side_by_side_up_to_the_limit(distant, memory):
    put_many(distant, [(f"new/{n}", [b"%d" % n, b"!"]) for n in range(20)])
    assert [bytes(memory.get(f"new/{n}")) for n in range(20)] == [b"%d!" % n for n in range(20)]
    assert distant.most == 4
    for _ in range(50):  # threads that begin late leave fewer at once
        put_many(distant, [(f"new/{n}", b"") for n in range(20)], max_workers=9)
        if distant.most >= 9:
            break
    assert distant.most == 9
    put_many(distant, [])


@pytest.mark.parametrize("puts", [[("a", b"1")], [("a", b"1"), ("b", b"2"), ("c", b"3")]])
def test_one_put_or_one_worker_needs_no_thread(distant, memory, puts):
    put_many(distant, puts, max_workers=1 if len(puts) > 1 else None)
    assert distant.threads == {threading.get_ident()}
    put_many(memory, puts)
    assert distant.begun == [key for key, _ in puts]


def test_a_failed_put_is_raised_when_nothing_is_under_way_any_more(distant, memory):
    puts = [("new/0", b""), ("fails", b""), *((f"new/{n}", b"") for n in range(1, 60))]
    with pytest.raises(StorageError, match="injected"):
        put_many(distant, puts)
    assert distant.now == 0
    begun = list(distant.begun)
    assert 2 <= len(begun) < 20
    time.sleep(0.05)
    assert distant.begun == begun
    assert {entry.key for entry in memory.list("new/")} == set(begun) - {"fails"}


def test_deletions_go_side_by_side(distant, memory):
    delete_many(distant, [*map(str, range(90)), "none"])
    assert distant.most == 4
    assert [entry.key for entry in memory.list()] == [str(n) for n in range(90, 100)]
    delete_many(distant, [])
    with pytest.raises(StorageError, match="injected"):
        delete_many(distant, ["90", "fails", "91"])
    assert distant.now == 0
    delete_many(memory, ["92"])
    assert "92" not in {entry.key for entry in memory.list()}


def test_tasks_go_side_by_side_where_answers_are_waited_for(distant, memory):
    meeting, threads = threading.Barrier(3, timeout=60), set()

    def task(number):
        threads.add(threading.get_ident())
        meeting.wait()  # for the others
        return number

    assert side_by_side(distant, *(partial(task, number) for number in range(3))) == [0, 1, 2]
    assert len(threads) == 3
    assert side_by_side(memory, threading.get_ident, threading.get_ident) == [threading.get_ident()] * 2
    with pytest.raises(StorageError, match="injected"):
        side_by_side(distant, lambda: 1, lambda: distant.get("fails"), lambda: distant.get("1"))
    assert distant.now == 0
    assert side_by_side(distant) == []


def test_items_are_taken_no_faster_than_they_are_worked_off():
    taken = []
    results = in_parallel(lambda n: n * n, (taken.append(n) or n for n in range(100)), 4)
    first = next(results)
    assert len(taken) == 5
    assert sorted([first, *results]) == [n * n for n in range(100)]
    assert list(in_parallel(str, range(3), 0)) == ["0", "1", "2"]


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


def test_an_error_keeps_nothing_alive(memory):
    """A writer that failed gives up what it holds at once, not when somebody collects garbage."""

    class Broken(Wrapper):
        concurrency = 4

        def put(self, key, data, *, if_absent=False):
            raise StorageError("no")

    gc.disable()
    try:
        storage = Broken(memory)
        alive = weakref.ref(storage)
        with contextlib.suppress(StorageError):
            put_many(storage, [(f"k{n}", b"") for n in range(20)])
        del storage
        assert alive() is None
    finally:
        gc.enable()


def test_in_order_gives_answers_in_order_and_runs_a_little_ahead():
    begun = []

    def square(number):
        begun.append(number)
        time.sleep(0.01 if number % 3 == 0 else 0)
        return number * number

    results = parallel.in_order(square, iter(range(100)), 3)
    assert [next(results) for _ in range(10)] == [number * number for number in range(10)]
    assert max(begun) <= 9 + 2 * 3 + 1
    results.close()
    stopped = len(begun)
    time.sleep(0.05)
    assert len(begun) == stopped < 30
    assert list(parallel.in_order(square, [4, 5], 0)) == [16, 25]
    with pytest.raises(TypeError):
        list(parallel.in_order(lambda number: number + None, range(50), 3))


def test_large_objects_are_written_side_by_side_where_nothing_is_waited_for(memory):
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one core")

    class Meeting(Wrapper):
        """Two puts of large objects must be under way at once to get past the barrier."""

        barrier, writers = threading.Barrier(2, timeout=60), set()

        def put(self, key, data, *, if_absent=False):
            self.writers.add(threading.get_ident())
            if key.startswith("large"):
                self.barrier.wait()
            super().put(key, data, if_absent=if_absent)

    storage, large = Meeting(memory), bytes(1 << 20)
    put_many(storage, [("small", b"1"), ("large/1", large), ("large/2", [large[1:], b"2"])])
    assert [memory.size(key) for key in ("small", "large/1", "large/2")] == [1, 1 << 20, 1 << 20]
    storage.writers.clear()
    put_many(storage, [("one", large), ("small", b"2")])
    assert storage.writers == {threading.get_ident()}, "threads, for one of them"
