"""The hub on a server: how many names a second it resolves, with keys it has lent before, and pages of many names."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from deeplake_nb.credentials.chain import utc_now
from deeplake_nb.hub.routes import BASE
from deeplake_nb.hub.store import Store
from deeplake_nb.hub.tables import DATASETS, ORGS
from tests.benchmarks.measure import QUICK, Line, alternating
from tests.fakes.hub import hub_server
from tests.suites.hub import KEYS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.measure import Scale
    from tests.fakes.hub import HubServer

CONNECTIONS = 16
PER_SECOND = 500
WANTED_SLOWEST = 0.05


def lines(scale: Scale) -> list[Line]:
    """Resolving at full load, and the first and the last page."""
    asked, names = (100, 3_000) if scale is QUICK else (10_000, 100_000)
    with hub_server("", ("--processes", "2")) as server:
        root = server.client()
        root.create_org("acme")
        root.add_key("acme", "k", "aws-keys", KEYS, prefixes=["s3://bucket"], lends_itself=True)
        root.set_default_storage("acme", "s3://bucket/acme", "k")
        for number in range(10):
            root.create("acme", f"cars{number}")
        asyncio.run(_load(server, CONNECTIONS * 5))
        began = time.perf_counter()
        taken = asyncio.run(_load(server, asked))
        each = (time.perf_counter() - began) / len(taken)
        steady = asyncio.run(_load(server, asked, PER_SECOND))
        slowest = sorted(steady)[int(len(steady) * 0.99)]
        _fill(server.folder, names)
        first, last = alternating(
            max(scale.repeats, 3),
            lambda _: root.datasets("acme"),
            lambda _: root.datasets("acme", after=f"n{names - 101:09}"),
        )
    at_once = f"{CONNECTIONS} at once, 2 processes"
    return [
        Line(f"hub: resolve and lend, {at_once}", each, "1 x", f"{PER_SECOND} a second", 1 / PER_SECOND),
        Line(f"hub: the 99th of a hundred, at {PER_SECOND} a second", slowest, "1 x", "what is wanted", WANTED_SLOWEST),
        Line(f"hub: the last page of {names:,} names", last, "1.3 x", "the first page", first),
    ]


async def _load(server: HubServer, count: int, per_second: float = 0.0) -> list[float]:
    """Seconds that each of so many requests took, over connections that are kept.

    With a rate, each has its moment, and is counted from then: who must wait for the one before is slow too.
    """
    taken: list[float] = []
    start = time.perf_counter() + 0.1

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = _request(server, f"cars{number % 10}")
        for turn in range(count // CONNECTIONS):
            began = start + (turn * CONNECTIONS + number) / per_second if per_second else time.perf_counter()
            await asyncio.sleep(max(0.0, began - time.perf_counter()))
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            taken.append(time.perf_counter() - began)
            assert head.startswith(b"HTTP/1.1 200"), head + body
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    await asyncio.gather(*(one(number) for number in range(CONNECTIONS)))
    return taken


def _request(server: HubServer, name: str) -> bytes:
    body = b'{"mode": "r"}'
    lines = [
        f"POST {BASE}/orgs/acme/datasets/{name}/credentials HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {server.token.reveal()}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _fill(folder: Path, count: int) -> None:
    """Enter many names behind the server's back."""
    store = Store.at(folder / "hub.db")
    with store.write("acme") as connection:
        org = connection.execute(select(ORGS.c.id).where(ORGS.c.name == "acme")).scalar_one()
        same = {"org_id": org, "key_id": None, "is_public": False, "is_connected": False}
        same |= {"created_by": "root", "created_at": utc_now()}
        rows = [same | {"name": f"n{number:09}", "url": f"s3://bucket/acme/n{number:09}"} for number in range(count)]
        connection.execute(insert(DATASETS), rows)
    store.close()
