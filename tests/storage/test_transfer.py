"""From one storage to another: whole, checked, and going on where it broke off."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import uuid

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import KeyNotFoundError, StorageError
from deeplake_nb.storage import transfer as module
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import Stored, is_empty
from deeplake_nb.storage.transfer import check_unchanged, plan, transfer
from deeplake_nb.storage.wrappers import Counting, Wrapper
from deeplake_nb.urls import parse
from tests.fakes import azurite, gcs, moto
from tests.suites.storage import Faulty

MB = 1 << 20
LAST = ("tree.json", "meta.json")


def memory():
    return MemoryStorage(parse(f"mem://{uuid.uuid4()}"))


class Far(Wrapper):
    """Memory behind a network: reading is not for nothing, and only some of it has known digests."""

    concurrency = 8

    def __init__(self, inner, *, knows=True):
        super().__init__(inner)
        self.knows = knows

    def list_digests(self, prefix=""):
        for entry in self.inner.list(prefix):
            md5 = hashlib.md5(self.inner.get(entry.key)).digest() if self.knows else None
            yield Stored(entry.key, entry.nbytes, md5)


def left_out(key):
    return key.endswith(".lock")


def copied(source, target, progress=lambda _: None):
    """What `deeplake_nb.copy` does with a dataset, on objects of any name."""
    todo = plan(source, target, leave_out=left_out)
    for key in todo.foreign:
        target.delete(key)
    transfer(source, target, [one for one in todo.missing if one.key not in LAST], progress=progress)
    check_unchanged(source, todo, leave_out=left_out)
    for key in LAST:
        transfer(source, target, [one for one in todo.missing if one.key == key], progress=progress)
    return todo


def contents(storage):
    return {entry.key: bytes(storage.get(entry.key)) for entry in storage.list()}


@pytest.fixture
def source():
    storage = memory()
    for n in range(20):
        storage.put(f"chunks/{n}", os.urandom(1000 + n))
    for key in ("meta.json", "tree.json", "empty", "a.lock"):
        storage.put(key, b"" if key == "empty" else key.encode())
    return storage


class Ordered(Wrapper):
    """Notes the order of puts."""

    def __init__(self, inner):
        super().__init__(inner)
        self.order = []

    def put(self, key, data, *, if_absent=False):
        super().put(key, data, if_absent=if_absent)
        self.order.append(key)


@pytest.mark.parametrize("far", [False, True])
def test_everything_arrives_and_the_last_come_last(source, far):
    inner = memory()
    target = Ordered(Far(inner) if far else inner)
    told = []
    copied(source, target, told.append)
    expected = {key: data for key, data in contents(source).items() if key != "a.lock"}
    assert contents(inner) == expected
    assert tuple(target.order[-2:]) == LAST
    assert sum(told) == sum(map(len, expected.values()))


def test_what_is_there_is_not_copied_again(source):
    target = Counting(Far(memory()))
    copied(source, target)
    target.inner.inner.put("chunks/3", bytes(1003))  # as long as it was
    target.inner.inner.put("chunks/4", b"shorter")
    target.inner.inner.delete("chunks/5")
    counting = Counting(source)
    target.reset()
    todo = copied(counting, target)
    assert [one.key for one in todo.missing] == ["chunks/3", "chunks/4", "chunks/5"]
    assert target.requests["put"] == 3
    assert contents(target)["chunks/3"] == contents(source)["chunks/3"]


def test_where_no_digest_is_known_the_size_counts(source):
    target = Far(memory(), knows=False)
    far = Far(source, knows=False)
    copied(far, target)
    target.inner.put("chunks/3", bytes(1003))
    assert [one.key for one in plan(far, target, leave_out=left_out).missing] == []
    target.inner.put("chunks/3", bytes(1004))
    assert [one.key for one in plan(far, target, leave_out=left_out).missing] == ["chunks/3"]


def test_foreign_objects_are_named(source):
    target = memory()
    target.put("mine", b"x")
    target.put("b.lock", b"x")
    assert plan(source, target, leave_out=left_out).foreign == ("mine",)


@pytest.mark.parametrize("fails_at", range(1, 24))
@pytest.mark.parametrize("writes", [False, True])
def test_a_copy_that_breaks_off_goes_on_and_never_looks_complete(source, fails_at, writes):
    target = memory()
    with pytest.raises(StorageError, match="injected"):
        copied(source, Faulty(target, fails_at=fails_at, writes=writes))
    there = set(contents(target))
    if "meta.json" in there:
        assert writes
        assert fails_at == 23
    counting = Counting(target)
    copied(source, counting)
    assert counting.requests["put"] == 24 - fails_at - writes
    assert contents(target) == {key: data for key, data in contents(source).items() if key != "a.lock"}


class Mangling(Wrapper):
    """Stores one object damaged, of the right size."""

    def __init__(self, inner, key):
        super().__init__(inner)
        self.key = key

    def put(self, key, data, *, if_absent=False):
        super().put(key, bytes(len(data)) if key == self.key else data, if_absent=if_absent)


@pytest.mark.parametrize("far", [False, "knows", "knows not"])
@pytest.mark.parametrize("key", ["chunks/7", "meta.json"])
def test_what_arrives_damaged_is_found(source, far, key):
    inner = memory()
    damaging = Mangling(inner, key)
    target = damaging if not far else Far(damaging, knows=far == "knows")
    with pytest.raises(StorageError, match=f"{key} is not what was written there: copy again"):
        copied(source, target)
    if key != "meta.json":
        assert not set(LAST) & set(contents(inner))


class Busy(Wrapper):
    """Somebody writes while it is read."""

    def __init__(self, inner, change):
        super().__init__(inner)
        self.change = change

    def get(self, key, byte_range=None):
        if key == "chunks/7" and self.change:
            change, self.change = self.change, None
            change(self.inner)
        return super().get(key, byte_range)


@pytest.mark.parametrize(
    "change",
    [
        lambda storage: storage.put("chunks/7", b"longer now" * 1000),
        lambda storage: storage.put("chunks/new", b"x"),
        lambda storage: storage.put("chunks/0", b"another size"),
        lambda storage: storage.delete("chunks/1"),
        lambda storage: storage.put("meta.json", b"another meta"),
    ],
)
def test_a_source_that_changes_meanwhile_gives_no_dataset(source, change):
    target = memory()
    with pytest.raises(StorageError, match="while it was copied"):
        copied(Busy(source, change), target)
    assert not set(LAST) & set(contents(target))
    copied(source, target)
    assert contents(target) == {key: data for key, data in contents(source).items() if key != "a.lock"}


def test_what_vanishes_is_an_error(source):
    with pytest.raises(KeyNotFoundError):
        copied(Busy(source, lambda storage: storage.delete("chunks/7")), memory())


@pytest.mark.parametrize("kind", ["local", "far"])
def test_long_objects_go_in_pieces(monkeypatch, tmp_path, kind):
    monkeypatch.setattr(module, "_LARGE_NBYTES", 1 * MB)
    monkeypatch.setattr(module, "_PIECE_NBYTES", 256 << 10)
    source, content = memory(), os.urandom(3 * MB + 5)
    source.put("long", content)
    source.put("short", b"x")
    source.put("meta.json", b"{}")
    far, told = Counting(Far(source)), []
    target = LocalStorage(parse(str(tmp_path))) if kind == "local" else Far(memory(), knows=False)
    copied(far, target, told.append)
    assert contents(target) == contents(source)
    assert sum(told) == len(content) + 3
    assert far.requests["get"] == 1 + 2  # near pieces are read at once


@pytest.mark.parametrize("large_nbytes", [1 * MB, 8 * MB])
def test_what_is_read_back_to_check_it_counts_as_work(monkeypatch, tmp_path, large_nbytes):
    monkeypatch.setattr(module, "_LARGE_NBYTES", large_nbytes)
    monkeypatch.setattr(module, "_PIECE_NBYTES", 256 << 10)
    source, told = memory(), []
    for name in ("one", "other"):
        source.put(name, os.urandom(2 * MB + 5))
    target = Counting(LocalStorage(parse(str(tmp_path))))
    read = []

    def progress(nbytes):
        told.append(nbytes)
        read.append(target.nbytes["get"])

    copied(source, target, progress)
    assert sum(told) == target.nbytes["get"] == 4 * MB + 10
    assert read[-1] == target.nbytes["get"], "nothing is left to be read when all is counted"


def test_memory_is_shared_out(monkeypatch):
    room = module._Memory(100)
    inside, most, lock = [], [], threading.Lock()

    def work(nbytes):
        with room.held(nbytes):
            with lock:
                inside.append(nbytes)
                most.append(sum(inside))
            threading.Event().wait(0.002)
            with lock:
                inside.remove(nbytes)

    threads = [threading.Thread(target=work, args=(nbytes,)) for nbytes in [60, 30, 50, 10, 300, 5] * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(held <= 100 or held == 300 for held in most)
    assert max(held for held in most if held != 300) > 60


# between real storages


def open_s3(url, endpoint):
    url = parse(url)
    return open_storage(url, credentials_from(url, {"endpoint_url": endpoint, **moto.ADMIN}, environ={}))


def test_from_a_folder_to_s3_and_back(tmp_path, s3_endpoint, s3_url, source):
    folder = LocalStorage(parse(str(tmp_path / "a")))
    for key, data in contents(source).items():
        folder.put(key, data)
    there = Counting(open_s3(s3_url, s3_endpoint))
    copied(folder, there)
    assert there.requests == {"put": 23, "list": 4}
    there.reset()
    assert copied(folder, there).missing == ()
    assert there.requests == {"list": 1}
    back = LocalStorage(parse(str(tmp_path / "b")))
    there.reset()
    copied(there, back)
    assert there.requests == {"get": 23, "list": 2}
    assert contents(back) == {key: data for key, data in contents(source).items() if key != "a.lock"}
    other = open_s3(f"{s3_url}-other", s3_endpoint)
    assert is_empty(other)
    copied(there, other)
    assert contents(other) == contents(back)


def test_a_dataset_goes_round_all_clouds(tmp_path, s3_endpoint, s3_url):
    values = np.arange(30_000, dtype="float32").reshape(10_000, 3)
    with deeplake_nb.empty(tmp_path / "start") as ds:
        ds.create_tensor("x", dtype="float32", chunk_compression="lz4")
        ds.x.extend(values)
        ds.info["about"] = "numbers"
    ds.close()
    with gcs.emulator() as google, azurite.azurite() as azure:
        azurite.behind(azure, "box").close()
        google.issue(token="ya29.everything")
        places = [
            (tmp_path / "start", None),
            (s3_url, {"endpoint_url": s3_endpoint, **moto.ADMIN}),
            ("gcs://bucket/ds", {"token": "ya29.everything", "endpoint_url": google.endpoint}),
            (f"azure://{azurite.ACCOUNT}/box/ds", {"account_key": azurite.KEY, "endpoint_url": azure}),
            (f"mem://{uuid.uuid4()}", None),
            (tmp_path / "end", None),
        ]
        for (src, src_creds), (dest, dest_creds) in itertools.pairwise(places):
            made = deeplake_nb.copy(src, dest, src_creds=src_creds, dest_creds=dest_creds, progressbar=False)
            assert (made.x.numpy() == values).all()
    start, end = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "start", tmp_path / "end")
    )
    assert start == end
