"""Behaviour added by wrapping."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pytest

from deeplake_nb.errors import KeyNotFoundError, ReadOnlyError, StorageError
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.provider import ByteRange, Patched, delete_all, exists, get_into, get_rows, put_patched
from deeplake_nb.storage.wrappers import Cached, Counting, ReadOnly, Wrapper
from deeplake_nb.urls import parse
from tests.suites.storage import Faulty, StorageSuite


@pytest.fixture
def memory():
    return MemoryStorage(parse(f"mem://{uuid.uuid4()}/folder"))


class WrapperSuite(StorageSuite):
    def write_behind(self, provider, key, content):
        provider.behind.put(key, content)

    def read_behind(self, provider, key):
        return bytes(provider.behind.get(key)) if exists(provider.behind, key) else None


class TestCached(WrapperSuite):
    @pytest.fixture
    def provider(self, memory):
        cached = Cached(memory, 1 << 20)
        cached.behind = memory
        return cached


class TestCachedTooSmallToHoldMuch(WrapperSuite):
    @pytest.fixture
    def provider(self, memory):
        cached = Cached(memory, 100)
        cached.behind = memory
        return cached


class TestCountingOverLocal(WrapperSuite):
    @pytest.fixture
    def provider(self, tmp_path):
        counting = Counting(LocalStorage(parse(tmp_path)))
        counting.behind = counting.inner
        return counting

    def write_behind(self, provider, key, content):
        path = Path(provider.url.path, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_a_wrapper_is_what_it_wraps(memory):
    for wrapper in (Wrapper(memory), ReadOnly(memory), Counting(memory), Cached(memory, 10)):
        assert (wrapper.url, wrapper.concurrency, wrapper.inner) == (memory.url, 1, memory)


def test_read_only_reads_and_refuses_every_change(memory):
    memory.put("a/k", b"12345")
    storage = ReadOnly(memory)
    assert bytes(storage.get("a/k", ByteRange(1, 3))) == b"23"
    assert get_into(storage, "a/k", bytearray(9)) == storage.size("a/k") == 5
    assert [entry.key for entry in storage.list()] == ["a/k"]
    for change in (
        lambda: storage.put("a/k", b"x"),
        lambda: storage.put("new", b"x", if_absent=True),
        lambda: put_patched(storage, "a/k", Patched("a/k", [(0, b"x")])),
        lambda: storage.delete("a/k"),
        lambda: delete_all(storage),
    ):
        with pytest.raises(ReadOnlyError, match=r"was opened for reading; open it with read_only=False"):
            change()
    assert bytes(memory.get("a/k")) == b"12345"


def test_counting_counts_requests_and_bytes(memory):
    storage = Counting(memory)
    storage.put("k", [b"12345", bytearray(5)])
    storage.get("k")
    storage.get("k", ByteRange(0, 4))
    get_into(storage, "k", bytearray(6))
    get_rows(storage, "k", [], [])
    storage.size("k")
    list(storage.list())
    with pytest.raises(KeyNotFoundError):
        storage.get("none")
    put_patched(storage, "l", Patched("k", [(0, b"123"), (5, b"45")]))
    storage.delete("k")
    delete_all(storage)
    assert storage.requests == {"put": 2, "get": 5, "size": 1, "list": 1, "delete": 1, "delete_all": 1}
    assert storage.nbytes == {"put": 15, "get": 20}
    storage.reset()
    assert storage.requests == storage.nbytes == {}


def test_faulty_fails_at_the_nth_put(memory):
    storage = Faulty(memory, fails_at=2)
    storage.put("a", b"x")
    for key in ("b", "c"):
        with pytest.raises(StorageError, match="injected"):
            storage.put(key, b"x")
    assert [entry.key for entry in memory.list()] == ["a"]
    storage = Faulty(memory, fails_at=1, writes=True)
    for key in ("d", "e"):
        with pytest.raises(StorageError, match="injected"):
            storage.put(key, b"x")
    assert [entry.key for entry in memory.list()] == ["a", "d"]


# Cached


@pytest.fixture
def counted(memory):
    return Counting(memory)


def test_what_was_read_is_not_asked_for_again(counted):
    counted.put("k", b"0123456789")
    storage = Cached(counted, 100)
    assert bytes(storage.get("k", ByteRange(2, 8))) == b"234567"
    assert bytes(storage.get("k", ByteRange(3, 5))) == b"34"
    assert get_into(storage, "k", target := bytearray(3), start=4) == 3
    assert target == b"456"
    assert counted.requests["get"] == 1
    assert bytes(storage.get("k", ByteRange(0, 5))) == b"01234"
    assert bytes(storage.get("k")) == b"0123456789"
    assert counted.requests["get"] == 3
    assert bytes(storage.get("k", ByteRange(8, 99))) == b"89"
    assert storage.size("k") == 10
    assert get_into(storage, "k", bytearray(99), start=5) == 5
    assert (counted.requests["get"], counted.requests["size"]) == (3, 0)


def test_a_range_past_the_end_is_kept_as_asked(counted):
    counted.put("k", b"0123")
    storage = Cached(counted, 100)
    for _ in range(2):
        assert bytes(storage.get("k", ByteRange(2, 50))) == b"23"
        assert bytes(storage.get("k", ByteRange(3, 40))) == b"3"
        assert bytes(storage.get("k", ByteRange(10, 20))) == b""
    assert counted.requests["get"] == 1


def test_the_least_recently_used_goes_first(counted):
    for key in "abc":
        counted.put(key, key.encode() * 40)
    storage = Cached(counted, 100)
    for key in ("a", "b", "a", "c"):
        storage.get(key)
    assert counted.requests["get"] == 3
    storage.get("a")
    storage.get("c")
    assert counted.requests["get"] == 3
    storage.get("b")
    assert counted.requests["get"] == 4


def test_what_is_larger_than_the_cache_is_not_kept(counted):
    counted.put("small", b"x" * 60)
    counted.put("large", b"x" * 101)
    storage = Cached(counted, 100)
    for key in ("small", "large", "large", "small"):
        storage.get(key)
    assert counted.requests["get"] == 3


def test_bulk_reads_pass_by(counted):
    counted.put("k", b"0123456789")
    storage = Cached(counted, 100)
    get_into(storage, "k", bytearray(10))
    storage.get("k")
    assert counted.requests["get"] == 2


def test_changes_made_here_are_seen(counted):
    storage = Cached(counted, 1000)
    changes = {
        "put": lambda: storage.put("f/k", b"new"),
        "put_patched": lambda: put_patched(storage, "f/k", Patched("f/new", [])),
        "delete": lambda: storage.delete("f/k"),
        "delete_all": lambda: delete_all(storage, "f/"),
    }
    for verb, change in changes.items():
        storage.put("f/new", b"new")
        storage.put("f/k", b"0123456789")
        storage.get("f/k")
        storage.get("f/k", ByteRange(2, 4))
        change()
        if verb.startswith("put"):
            assert bytes(storage.get("f/k")) == b"new"
            assert storage.size("f/k") == 3
        else:
            with pytest.raises(KeyNotFoundError):
                storage.get("f/k", ByteRange(2, 4))
            assert not exists(storage, "f/k")
    assert storage._nbytes == sum(len(data) for data in storage._entries.values()) == 0


def test_a_put_that_fails_may_have_written(memory):
    memory.put("k", b"old")
    storage = Cached(Faulty(memory, fails_at=1, writes=True), 1000)
    storage.get("k")
    with pytest.raises(StorageError):
        storage.put("k", b"new")
    assert bytes(storage.get("k")) == b"new"


def test_a_read_that_overlaps_a_change_is_not_kept(memory):
    reading, changed = threading.Event(), threading.Event()

    class Slow(Wrapper):
        def get(self, key, byte_range=None):
            data = super().get(key, byte_range)
            reading.set()
            assert changed.wait(30)
            return data

    memory.put("k", b"old")
    storage = Cached(Slow(memory), 1000)
    seen = []
    reader = threading.Thread(target=lambda: seen.append(bytes(storage.get("k"))))
    reader.start()
    assert reading.wait(30)
    storage.put("k", b"new")
    changed.set()
    reader.join()
    assert seen == [b"old"]
    assert bytes(storage.get("k")) == b"new"
