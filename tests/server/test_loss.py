"""Nothing that was acknowledged is lost: many writers at once, and servers killed in the middle of their writes."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from deeplake_nb.errors import HubError
from deeplake_nb.hub import audit
from tests.fakes.hub import hub_server
from tests.fakes.postgres import postgres

WRITERS = 6


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def loaded(request):
    """A server of two processes."""
    database = request.getfixturevalue("team_database").database() if request.param == "postgres" else ""
    with hub_server(database, ("--processes", "2")) as running:
        running.client().create_org("acme")
        running.client().set_default_storage("acme", "s3://bucket/acme")
        yield running


def names_of(hub, org):
    found, after = [], None
    while True:
        page = hub.datasets(org, after=after, limit=1000)
        found += [entry.name for entry in page.entries]
        after = page.after
        if after is None:
            return found


def test_many_writers_lose_nothing(loaded):
    def write(writer):
        hub = loaded.client()
        for number in range(10):
            hub.resolve("acme", f"w{writer}-{number}", "w")
            hub.create("acme", f"w{writer}-{number}")
            hub.create("acme", f"shared-{number}")  # everybody makes these
        hub.rename("acme", f"w{writer}-0", f"w{writer}-renamed")
        hub.delete("acme", f"w{writer}-1")

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    wanted = {f"shared-{number}" for number in range(10)}
    for writer in range(WRITERS):
        wanted |= {f"w{writer}-{number}" for number in range(2, 10)} | {f"w{writer}-renamed"}
    root = loaded.client()
    found = names_of(root, "acme")
    assert found == sorted(wanted)
    assert {root.dataset("acme", f"w{writer}-0").name for writer in range(WRITERS)} == {
        f"w{writer}-renamed" for writer in range(WRITERS)
    }
    record = root.audit("acme", limit=10_000)
    assert [entry.number for entry in record] == list(range(1, len(record) + 1))
    audit.verify(record)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_server_that_is_killed_forgets_nothing_it_acknowledged(request, database):
    database = request.getfixturevalue("team_database").database() if database == "postgres" else ""
    with hub_server(database) as server:
        server.client().create_org("acme")
        server.client().set_default_storage("acme", "s3://bucket/acme")
        acknowledged, stop, numbers = [], threading.Event(), itertools.count()

        def write():
            hub = server.client()
            while not stop.is_set():
                name = f"n{next(numbers)}"
                try:
                    hub.create("acme", name)
                except HubError:
                    continue
                acknowledged.append(name)

        writers = [threading.Thread(target=write) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        deaths = []
        for _ in range(3):
            at_least = len(acknowledged) + 20
            deadline = time.monotonic() + 60
            while len(acknowledged) < at_least and time.monotonic() < deadline:
                time.sleep(0.01)
            server.kill()
            deaths.append(len(acknowledged))
            server.start()
        stop.set()
        for writer in writers:
            writer.join()
        assert deaths[0] >= 20
        assert deaths == sorted(set(deaths))
        root = server.client()
        found = names_of(root, "acme")
        assert set(acknowledged) <= set(found)
        assert len(set(found)) == len(found)
        record = root.audit("acme", limit=10_000)
        audit.verify(record)
        assert {entry.subject for entry in record if entry.action.startswith("create")} >= set(acknowledged)


def children(parent):
    """Processes that listen for this one."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, its_parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(its_parent) == parent and state != "Z" and b"spawn_main" in stat.with_name("cmdline").read_bytes():
                found.add(int(stat.parent.name))
    return found


def test_processes_that_die_are_started_anew_and_all_end_together():
    with hub_server("", ("--processes", "2")) as server:
        parent, deadline = server._process.pid, time.monotonic() + 60
        while len(before := children(parent)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        while len(children(parent) - before) < 1 and time.monotonic() < deadline:
            server.client().whoami()  # the other one answers meanwhile
            time.sleep(0.1)
        after = children(parent)
        assert len(after) == 2
        server.kill()
        while any(Path(f"/proc/{child}").exists() for child in after) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(Path(f"/proc/{child}").exists() for child in after)


def test_a_database_that_goes_away_is_told_and_comes_back():
    with postgres() as database, hub_server(database.database()) as server:
        hub = server.client()
        hub.create_org("acme")
        database.kill()
        with pytest.raises(HubError, match="database failed"):
            hub.whoami()
        health = urllib3.request("GET", f"{server.url}/health", retries=False)
        assert (health.status, health.headers["Retry-After"]) == (503, "1")
        database.start()
        assert hub.whoami().orgs == {"acme": "admin"}
        assert urllib3.request("GET", f"{server.url}/health").status == 200
        assert "failure" not in server.log.read_text()
