"""What every storage provider must do. Subclass `StorageSuite`, give it a fresh ``provider`` and the two hooks."""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deeplake_nb.errors import KeyExistsError, KeyNotFoundError, StorageError, UrlError
from deeplake_nb.storage.provider import (
    ByteRange,
    Entry,
    Patched,
    delete_all,
    digests,
    exists,
    get_into,
    get_many,
    get_rows,
    is_empty,
    put_many,
    put_parts,
    put_patched,
)
from deeplake_nb.storage.wrappers import Wrapper

ODD_KEYS = [
    "a b/c d",
    "ünï/ço∂é/日本/😀",
    "percent%41%2Fplus+and&eq=?#x",
    "quo'te\"s/back`tick",
    "semi;colon:at@dollar$,comma",
    "dots..in/..the/...middle",
    "tilde~/-dash/_under",
    "brackets[0]{1}(2)/star*",
    "<xml>&amp;",
    "tab\there",
    "x" * 200,
]


class StorageSuite:
    """Hooks: ``write_behind(provider, key, content)`` and ``read_behind(provider, key)`` go past the provider."""

    def write_behind(self, provider, key, content):
        raise NotImplementedError

    def read_behind(self, provider, key):
        """The stored bytes, or None."""
        raise NotImplementedError

    # reading

    def test_get_gives_what_is_stored(self, provider):
        self.write_behind(provider, "a/b", b"hello")
        data = provider.get("a/b")
        assert (bytes(data), data.readonly, data.ndim, data.format) == (b"hello", True, 1, "B")
        assert provider.size("a/b") == 5

    def test_an_empty_object(self, provider):
        self.write_behind(provider, "empty", b"")
        assert bytes(provider.get("empty")) == b""
        assert bytes(provider.get("empty", ByteRange(0, 10))) == b""
        assert (provider.size("empty"), exists(provider, "empty")) == (0, True)

    @pytest.mark.parametrize(
        "byte_range",
        [(0, 10), (0, 3), (3, 7), (9, 10), (5, 99), (0, 0), (4, 4), (10, 20), (99, 120), (7, 3), (-5, 4), (-9, -2)],
    )
    def test_a_range_is_clipped_to_the_object(self, provider, byte_range):
        self.write_behind(provider, "k", b"0123456789")
        start, stop = (max(edge, 0) for edge in byte_range)
        assert bytes(provider.get("k", ByteRange(*byte_range))) == b"0123456789"[start:stop]

    def test_get_into_fills_the_callers_memory(self, provider):
        content = np.arange(100, dtype="<i4")
        self.write_behind(provider, "k", content.tobytes())
        whole = np.zeros(100, "<i4")
        assert get_into(provider, "k", whole) == 400
        assert (whole == content).all()
        part = np.full((2, 5), -1, "<i4")
        assert get_into(provider, "k", part, start=360) == 40
        assert part.ravel().tolist() == list(range(90, 100))
        beyond = bytearray(b"......")
        assert get_into(provider, "k", beyond, start=396) == 4
        assert bytes(beyond) == content[99:].tobytes() + b".."
        assert get_into(provider, "k", beyond, start=1000) == 0
        assert get_into(provider, "k", np.empty((0, 3))) == 0

    def test_get_rows_fills_each_row_from_its_own_place(self, provider):
        content = np.arange(100, dtype="<i4")
        self.write_behind(provider, "k", content.tobytes())
        rows = np.full((3, 2), -1, "<i4")
        assert get_rows(provider, "k", list(rows), [360, 0, 40]) == 24
        assert rows.tolist() == [[90, 91], [0, 1], [10, 11]]
        assert get_rows(provider, "k", [bytearray(4), beyond := bytearray(b"......")], [0, 396]) == 8
        assert bytes(beyond) == content[99:].tobytes() + b".."
        assert get_rows(provider, "k", [bytearray(3)], [400]) == get_rows(provider, "k", [], []) == 0
        with pytest.raises(KeyNotFoundError):
            get_rows(provider, "no", [bytearray(1)], [0])

    def test_what_is_not_there(self, provider):
        self.write_behind(provider, "folder/k", b"x")
        for key in ("no", "folder", "folder/no", "folder/k/below"):
            for read in (
                lambda key=key: provider.get(key),
                lambda key=key: provider.get(key, ByteRange(0, 4)),
                lambda key=key: provider.get(key, ByteRange(2, 2)),
                lambda key=key: get_into(provider, key, bytearray(4)),
                lambda key=key: provider.size(key),
            ):
                with pytest.raises(KeyNotFoundError) as caught:
                    read()
                assert f"{provider.url}/{key}" in str(caught.value)
            assert not exists(provider, key)

    def test_data_outlives_the_object(self, provider):
        content = os.urandom(2 << 20)
        provider.put("k", content)
        data = provider.get("k")
        provider.put("k", b"new")
        provider.delete("k")
        assert data == content

    # writing

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"bytes",
            bytearray(b"bytearray"),
            memoryview(b"a memoryview")[2:],
            np.arange(12, dtype="<f8").reshape(3, 4),
            np.array(7),
            np.empty((0, 4)),
            [],
            [b"", b"one", bytearray(b"two"), memoryview(b"three"), np.arange(3)],
            (b"tu", b"ple"),
        ],
        ids=lambda data: type(data).__name__,
    )
    def test_put_takes_any_buffers(self, provider, data):
        pieces = data if isinstance(data, list | tuple) else [data]
        expected = b"".join(memoryview(piece).tobytes() for piece in pieces)
        provider.put("a/k", data)
        assert self.read_behind(provider, "a/k") == expected
        assert bytes(provider.get("a/k")) == expected

    def test_put_takes_very_many_buffers(self, provider):
        pieces = [bytes([n % 256]) * (n % 7) for n in range(5000)]
        provider.put("k", pieces)
        assert self.read_behind(provider, "k") == b"".join(pieces)

    def test_put_refuses_what_is_no_buffer(self, provider):
        for data in ("text", [1, 2], None, np.zeros((4, 4))[:, ::2]):
            with pytest.raises(TypeError):
                provider.put("k", data)
        assert self.read_behind(provider, "k") is None

    def test_put_replaces_longer_and_shorter(self, provider):
        for content in (b"12345", b"1", b"1234567890", b""):
            provider.put("k", content)
            assert self.read_behind(provider, "k") == content
            assert bytes(provider.get("k")) == content

    def test_a_put_is_a_copy(self, provider):
        mutable = bytearray(b"before")
        provider.put("k", mutable)
        mutable[:] = b"after!"
        assert bytes(provider.get("k")) == b"before"

    def test_a_large_object(self, provider):
        head, body = b"header", np.random.default_rng(0).integers(0, 256, 9 << 20, dtype=np.uint8)
        provider.put("large", [head, body])
        data = provider.get("large")
        assert len(data) == provider.size("large") == len(head) + body.nbytes
        assert data[:6] == head
        assert np.array_equal(np.frombuffer(data, np.uint8, offset=6), body)
        target = np.zeros_like(body)
        assert get_into(provider, "large", target, start=6) == body.nbytes
        assert np.array_equal(target, body)
        middle = provider.get("large", ByteRange(1_000_000, 3_000_000))
        assert np.array_equal(np.frombuffer(middle, np.uint8), body[999_994:2_999_994])

    def test_a_long_object_comes_in_pieces(self, provider):
        content, told = os.urandom(3 << 20), []
        provider.put("long", b"old")
        pieces = [content[:1000], b"", bytearray(content[1000:5000]), memoryview(content)[5000:]]
        put_parts(provider, "long", iter(pieces), len(content), progress=told.append)
        assert self.read_behind(provider, "long") == content
        assert sum(told) == len(content)
        with pytest.raises(StorageError, match="instead of"):
            put_parts(provider, "long", [b"too short"], 100)
        with pytest.raises(ZeroDivisionError):
            put_parts(provider, "long", (1 // 0 for _ in range(2)), 100)
        assert self.read_behind(provider, "long") == content
        assert [entry.key for entry in provider.list()] == ["long"]
        put_parts(provider, "empty", [], 0)
        assert self.read_behind(provider, "empty") == b""

    def test_an_object_is_another_one_but_for_some_bytes(self, provider):
        content = os.urandom(3 << 20)
        self.write_behind(provider, "old", content)
        patches = [
            (0, b"first"),
            (1_000_000, np.arange(5000, dtype="<i4").reshape(50, 100)),
            (1_000_004, memoryview(b"over")),
            (70_000, b""),
            (len(content) - 4, bytearray(b"last")),
        ]
        expected = bytearray(content)
        for start, patch in patches:
            expected[start : start + memoryview(patch).nbytes] = memoryview(patch).tobytes()
        put_patched(provider, "folder/new", Patched("old", patches))
        assert self.read_behind(provider, "folder/new") == bytes(provider.get("folder/new")) == expected
        assert self.read_behind(provider, "old") == content
        put_patched(provider, "old", Patched("old", patches))  # itself
        assert self.read_behind(provider, "old") == expected
        self.write_behind(provider, "empty", b"")
        put_many(provider, [("old", Patched("empty", [])), ("plain", b"x"), ("same", Patched("folder/new", []))])
        assert self.read_behind(provider, "old") == b""
        assert self.read_behind(provider, "plain") == b"x"
        assert self.read_behind(provider, "same") == expected

    def test_a_patch_that_cannot_be_made_changes_nothing(self, provider):
        self.write_behind(provider, "old", b"0123456789")
        self.write_behind(provider, "k", b"k")
        for start in (8, 10, 1 << 40, -1):
            with pytest.raises(StorageError, match=r"a patch for bytes .* of 'old', which has 10"):
                put_patched(provider, "k", Patched("old", [(0, b"ab"), (start, b"abc")]))
        for source in ("none", "old/below", "folder"):
            with pytest.raises(KeyNotFoundError) as caught:
                put_patched(provider, "k", Patched(source, [(0, b"a")]))
            assert f"/{source}" in str(caught.value)
        for key, source in (("../k", "old"), ("k", "../old")):
            with pytest.raises(UrlError):
                put_patched(provider, key, Patched(source, []))
        assert self.read_behind(provider, "k") == b"k"
        assert [entry.key for entry in provider.list()] == ["k", "old"]

    def test_digests_are_md5_or_unknown(self, provider):
        contents = {"a": b"", "b/c": b"hello", "b/d": os.urandom(1000)}
        for key, content in contents.items():
            provider.put(key, content)
        found = list(digests(provider))
        assert [(stored.key, stored.nbytes) for stored in found] == [
            (key, len(contents[key])) for key in sorted(contents)
        ]
        for stored in found:
            assert stored.md5 in (None, hashlib.md5(contents[stored.key]).digest())
        assert [stored.key for stored in digests(provider, "b/")] == ["b/c", "b/d"]

    def test_put_if_absent(self, provider):
        provider.put("lock/k", b"first", if_absent=True)
        with pytest.raises(KeyExistsError) as caught:
            provider.put("lock/k", b"second", if_absent=True)
        assert f"{provider.url}/lock/k exists already" in str(caught.value)
        assert self.read_behind(provider, "lock/k") == b"first"
        assert [entry.key for entry in provider.list()] == ["lock/k"]
        provider.delete("lock/k")
        provider.put("lock/k", b"third", if_absent=True)
        assert self.read_behind(provider, "lock/k") == b"third"

    def test_one_of_many_racing_puts_wins(self, provider):
        for attempt in range(3):
            outcomes = self.race(provider, f"lock-{attempt}", 32)
            winners = [content for content, won in outcomes.items() if won]
            assert len(outcomes) == 32
            assert len(winners) == 1
            assert self.read_behind(provider, f"lock-{attempt}") == winners[0]

    def race(self, provider, key, count):
        """Content to whether its put with ``if_absent`` won."""
        start = threading.Barrier(count)

        def contend(number):
            content = b"%04d" % number * 5000
            start.wait(timeout=60)
            try:
                provider.put(key, content, if_absent=True)
            except KeyExistsError:
                return content, False
            return content, True

        with ThreadPoolExecutor(count) as pool:
            return dict(pool.map(contend, range(count)))

    def test_readers_see_old_bytes_or_new_ones(self, provider):
        versions = [bytes([n]) * (300_000 + n) for n in range(4)]
        provider.put("k", versions[0])
        stop = threading.Event()
        seen = set()

        def read():
            while not stop.is_set():
                data = bytes(provider.get("k"))
                seen.add((data[:1], len(data), data.count(data[:1])))

        with ThreadPoolExecutor(3) as pool:
            readers = [pool.submit(read) for _ in range(3)]
            try:
                for turn in range(40):
                    provider.put("k", versions[turn % 4])
            finally:
                stop.set()
            for reader in readers:
                reader.result()
        assert seen <= {(version[:1], len(version), len(version)) for version in versions}
        assert seen

    # deleting

    def test_delete(self, provider):
        self.write_behind(provider, "a/k", b"x")
        self.write_behind(provider, "a/l", b"x")
        provider.delete("a/k")
        provider.delete("a/k")
        provider.delete("never/there")
        provider.delete("a")  # a folder is no object
        assert self.read_behind(provider, "a/k") is None
        assert self.read_behind(provider, "a/l") == b"x"

    def test_delete_all(self, provider):
        for key in ("a/1", "a/b/2", "ab/3", "c"):
            self.write_behind(provider, key, b"x")
        delete_all(provider, "a/")
        assert [entry.key for entry in provider.list()] == ["ab/3", "c"]
        assert not is_empty(provider)
        delete_all(provider, "nothing/here/")
        delete_all(provider)
        assert is_empty(provider)
        delete_all(provider)
        with pytest.raises(UrlError, match="a folder ends in '/'"):
            delete_all(provider, "a")
        provider.put("a/1", b"again")
        assert self.read_behind(provider, "a/1") == b"again"

    # listing

    def test_list_is_sorted_by_the_whole_key(self, provider):
        keys = ["a/b", "a-b", "a.b/c", "a", "B", "ä", "a0", "b/c/d", "b-c"]
        keys.remove("a")  # a file system has no room for "a" beside "a/b"
        for key in keys:
            self.write_behind(provider, key, key.encode())
        assert list(provider.list()) == [Entry(key, len(key.encode())) for key in sorted(keys)]

    def test_list_with_prefix_and_delimiter(self, provider):
        for key in ("images/0001", "images/0002", "images/deep/er/1", "images-meta", "labels/1", "top"):
            self.write_behind(provider, key, b"123")

        def listed(*args, **kwargs):
            return [entry.key for entry in provider.list(*args, **kwargs)]

        assert listed("images/") == ["images/0001", "images/0002", "images/deep/er/1"]
        assert listed("images") == ["images-meta", "images/0001", "images/0002", "images/deep/er/1"]
        assert listed("images/00") == ["images/0001", "images/0002"]
        assert listed("images/0001") == ["images/0001"]
        assert listed("no") == listed("no/where/") == listed("top/") == []
        assert listed(delimiter="/") == ["images-meta", "images/", "labels/", "top"]
        assert listed("im", delimiter="/") == ["images-meta", "images/"]
        assert listed("images/", delimiter="/") == ["images/0001", "images/0002", "images/deep/"]
        assert listed("images/de", delimiter="/") == ["images/deep/"]
        assert list(provider.list("", delimiter="/"))[1:] == [
            Entry("images/", None),
            Entry("labels/", None),
            Entry("top", 3),
        ]

    def test_a_folder_without_objects_is_not_listed(self, provider):
        self.write_behind(provider, "a/b/c", b"x")
        provider.delete("a/b/c")
        assert list(provider.list()) == list(provider.list(delimiter="/")) == []
        assert is_empty(provider)

    def test_list_pages_through_more_than_a_thousand(self, provider):
        keys = [f"many/{n:04d}" for n in range(3)] + [f"many/f{n:04d}/x" for n in range(1002)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: self.write_behind(provider, key, b"x"), keys))
        assert [entry.key for entry in provider.list("many/")] == sorted(keys)
        folded = [entry.key for entry in provider.list("many/", delimiter="/")]
        assert folded == sorted(keys[:3] + [f"many/f{n:04d}/" for n in range(1002)])
        delete_all(provider, "many/")
        assert is_empty(provider)

    # keys

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_keys_come_back_as_they_are(self, provider, key):
        content = os.urandom(10)
        provider.put(key, content)
        assert bytes(provider.get(key)) == bytes(provider.get(key, ByteRange(0, 10))) == content
        assert self.read_behind(provider, key) == content
        assert list(provider.list()) == list(provider.list(key)) == [Entry(key, 10)]
        assert provider.size(key) == 10
        provider.delete(key)
        assert is_empty(provider)

    @pytest.mark.parametrize(
        "key", ["", "/", "/abs", "a/", "a//b", ".", "..", "../x", "a/../../x", "a/..", "./a", "a/./b", "nul\0", "\0"]
    )
    def test_no_key_leaves_the_root(self, provider, key):
        for use in (
            lambda: provider.get(key),
            lambda: get_into(provider, key, bytearray(1)),
            lambda: provider.put(key, b"x"),
            lambda: provider.put(key, b"x", if_absent=True),
            lambda: provider.delete(key),
            lambda: provider.size(key),
        ):
            with pytest.raises(UrlError, match="is no key: expected parts joined by '/'"):
                use()
        assert is_empty(provider)

    @pytest.mark.parametrize("prefix", ["../", "/", "a/../", "a//", "a/../b"])
    def test_no_prefix_leaves_the_root(self, provider, prefix):
        with pytest.raises(UrlError, match="is no key"):
            list(provider.list(prefix))

    # many at once

    def test_get_many_answers_in_order_and_in_place(self, provider):
        blob = bytes(range(256)) * 40
        self.write_behind(provider, "blob", blob)
        for n in range(20):
            self.write_behind(provider, f"k{n}", b"%d" % n)
        requests = [("blob", ByteRange(n * 100, n * 100 + 50)) for n in range(90, -1, -1)]
        requests += [(f"k{n}", None) for n in range(20)] + [("absent", None), ("blob", None), ("", None)]
        answers = list(get_many(provider, requests))
        assert [bytes(answer) for answer in answers[:91]] == [blob[n * 100 : n * 100 + 50] for n in range(90, -1, -1)]
        assert [bytes(answer) for answer in answers[91:111]] == [b"%d" % n for n in range(20)]
        assert isinstance(answers[111], KeyNotFoundError)
        assert bytes(answers[112]) == blob
        assert isinstance(answers[113], UrlError)
        assert list(get_many(provider, [])) == []

    def test_threads_share_a_provider(self, provider):
        def work(number):
            key, content = f"t/{number}", os.urandom(1000)
            provider.put(key, content)
            assert bytes(provider.get(key)) == content
            assert provider.size(key) == 1000
            return key

        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(work, range(64)))
        assert [entry.key for entry in provider.list("t/")] == sorted(keys)


class Faulty(Wrapper):
    """Fails at the n-th put: instead of it (``writes=False``), or right after it, as a lost answer does."""

    def __init__(self, inner, *, fails_at, writes=False):
        super().__init__(inner)
        self.puts = 0
        self._fails_at = fails_at
        self._writes = writes

    def put(self, key, data, *, if_absent=False):
        self._put(key, lambda: super(Faulty, self).put(key, data, if_absent=if_absent))

    def put_patched(self, key, content):
        self._put(key, lambda: super(Faulty, self).put_patched(key, content))

    def _put(self, key, write):
        self.puts += 1
        failing = self.puts >= self._fails_at
        if not failing or (self._writes and self.puts == self._fails_at):
            write()
        if failing:
            raise StorageError(f"injected: put {self.puts} of {key}")
