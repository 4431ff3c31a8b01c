"""One writer at a time on every cloud: processes that race for a lock, and for a dead one, lose no row."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import threading
import time

import pytest

import deeplake_nb as deeplake
from deeplake_nb.dataset.lock import SHORT_SECONDS, Holder, take_over
from deeplake_nb.session import Session
from deeplake_nb.storage.wrappers import Wrapper
from tests.fakes import azurite, gcs, moto

from .stores import memory

TOKEN = "ya29.lock"
KEY = "dataset_lock.lock"


@pytest.fixture(scope="module")
def s3():
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        yield "s3://bucket", {**moto.ADMIN, "endpoint_url": endpoint}


@pytest.fixture(scope="module")
def azure():
    with azurite.azurite() as endpoint:
        azurite.behind(endpoint, "bucket").close()
        yield f"azure://{azurite.ACCOUNT}/bucket", {"account_key": azurite.KEY, "endpoint_url": endpoint}


@pytest.fixture(scope="module")
def google():
    with gcs.emulator() as service:
        service.issue(token=TOKEN)
        yield "gcs://bucket", {"token": TOKEN, "endpoint_url": service.endpoint}


@pytest.fixture(params=["s3", "azure", "google"])
def place(request):
    """A dataset with one row on each cloud, and credentials of it."""
    root, creds = request.getfixturevalue(request.param)
    path = f"{root}/lock-{time.time_ns()}"
    ds = deeplake.empty(path, creds=creds)
    ds.create_tensor("x", dtype="int64").append(0)
    ds.close()
    return path, creds


RACE = """
import json, sys, time
import deeplake_nb as deeplake
from deeplake_nb.errors import LockedError
path, creds, start = json.loads(sys.stdin.read())
held = 0
for row in range(3):
    while True:
        try:
            ds = deeplake.load(path, creds=creds)
            ds.x.append(start + row)
            ds.close()
            break
        except LockedError:
            held += 1
            time.sleep(0.02)
print(held)
"""


def racing(place, starts):
    path, creds = place
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    children = [subprocess.Popen([sys.executable, "-c", RACE], text=True, **pipes) for _ in starts]
    for child, start in zip(children, starts, strict=True):
        child.stdin.write(json.dumps([path, creds, start]))
        child.stdin.close()
        child.stdin = None
    said = [child.communicate(timeout=120) for child in children]
    assert [child.returncode for child in children] == [0] * len(children), said
    return deeplake.load(path, creds=creds, read_only=True).x.numpy().reshape(-1).tolist()


def test_racing_processes_lose_no_row(place):
    assert sorted(racing(place, [100, 200])) == [0, 100, 101, 102, 200, 201, 202]


def test_a_lock_that_ran_out_is_taken_over_by_one_of_them(place):
    storage = Session().storage(place[0], place[1])
    storage.put(KEY, struct.pack("<6sdI", b"abcdef", time.time() - 1, 7))
    assert sorted(racing(place, [100, 200])) == [0, 100, 101, 102, 200, 201, 202]


class Slow(Wrapper):
    """Every request takes some time, so that those of several threads come in any order."""

    def get(self, key, byte_range=None):
        time.sleep(0.03)
        found = super().get(key, byte_range)
        time.sleep(0.03)
        return found

    def put(self, key, data, *, if_absent=False):
        time.sleep(0.06)
        super().put(key, data, if_absent=if_absent)


def test_a_dead_lock_is_had_by_one_of_many_however_slow_the_storage_is():
    inner = memory()
    dead = Holder(b"abcdef", 7, 0.0)
    for _ in range(5):
        inner.put(KEY, dead.encode())
        got = []
        crowd = [Holder(bytes([at] * 6), at, time.time() + 300) for at in range(8)]

        def attempt(mine, got=got):
            if take_over(Slow(inner), KEY, dead, mine):
                got.append(mine)

        threads = [threading.Thread(target=attempt, args=[one]) for one in crowd]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 1
        assert Holder.decode(inner.get(KEY)) == got[0]
        assert [entry.key for entry in inner.list()] == [KEY], "no ticket is left"


def test_a_ticket_whose_maker_died_does_not_block_for_long():
    storage, dead = memory(), Holder(b"abcdef", 7, 0.0)
    storage.put(KEY, dead.encode())

    class Dies(Wrapper):
        def get(self, key, byte_range=None):
            raise KeyboardInterrupt

        def delete(self, key):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_over(Dies(storage), KEY, dead, Holder.here(time.time() + 300))
    mine = Holder(b"uvwxyz", 8, time.time() + 300)
    assert not take_over(storage, KEY, dead, mine)
    later = time.time() + SHORT_SECONDS + 1
    assert not take_over(storage, KEY, dead, mine, lambda: later), "the ticket is taken away"
    assert take_over(storage, KEY, dead, mine, lambda: later)
    assert Holder.decode(storage.get(KEY)) == mine
