"""Reading and writing clouds against the wire and their SDKs, with a server that costs nothing; memory; requests."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import urllib3

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.dataset.copies import copy_dataset
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import get_many, put_many
from deeplake_nb.storage.wrappers import Counting
from deeplake_nb.urls import parse
from tests.benchmarks import memory
from tests.benchmarks.clouds import CLOUDS, CONNECTIONS
from tests.benchmarks.measure import QUICK, Line, alternating
from tests.fakes import gcs
from tests.fakes.still import still_server

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from deeplake_nb.storage.provider import StorageProvider
    from tests.benchmarks.clouds import Cloud
    from tests.benchmarks.measure import Scale

LATENCY_SECONDS = 0.05
SMALL_NBYTES, LARGE_NBYTES = 100_000, 16 << 20


def lines(scale: Scale) -> list[Line]:
    """Many small objects behind 50 ms, many large ones behind nothing, on each cloud."""
    small, large = (CONNECTIONS, 2) if scale is QUICK else (256, 64)
    return [line for cloud in CLOUDS for line in [*_small(cloud, scale, small), *_large(cloud, scale, large)]]


def _small(cloud: Cloud, scale: Scale, count: int) -> list[Line]:
    keys = [f"n{SMALL_NBYTES}/{number}" for number in range(count)]
    puts = [(key, bytes(SMALL_NBYTES)) for key in keys]
    with still_server(LATENCY_SECONDS) as endpoint, ThreadPoolExecutor(CONNECTIONS) as threads:
        storage, connections = cloud.opened(endpoint), urllib3.PoolManager(maxsize=CONNECTIONS)

        def asked(key):
            return len(connections.request("GET", endpoint + cloud.address.format(key)).data)

        def sent(put):
            connections.request("PUT", endpoint + cloud.address.format(put[0]), body=put[1])

        def wire(_):
            assert sum(threads.map(asked, keys)) == count * SMALL_NBYTES

        def ours(_):
            assert sum(len(data) for data in get_many(storage, [(key, None) for key in keys])) == count * SMALL_NBYTES

        def wire_puts(_):
            list(threads.map(sent, puts))

        def our_puts(_):
            put_many(storage, puts)

        read, read_at_best, written, written_at_best = alternating(scale.repeats, ours, wire, our_puts, wire_puts)
    size = f"{count} objects of 100 KB at 50 ms"
    return [
        Line(f"{cloud.name}: read {size}", read, "1.3 x", "32 bare connections", read_at_best),
        Line(f"{cloud.name}: write {size}", written, "", "32 bare connections", written_at_best),
    ]


def _large(cloud: Cloud, scale: Scale, count: int) -> list[Line]:
    keys = [f"n{LARGE_NBYTES}/{number}" for number in range(count)]
    content = bytes(LARGE_NBYTES)
    with still_server() as endpoint, ThreadPoolExecutor(CONNECTIONS) as threads:
        storage, sdk = cloud.opened(endpoint), cloud.sdk(endpoint)

        def alone(_):
            assert sum(map(len, threads.map(sdk.get, keys))) == count * LARGE_NBYTES

        def ours(_):
            assert sum(len(data) for data in get_many(storage, [(key, None) for key in keys])) == count * LARGE_NBYTES

        def alone_puts(_):
            list(threads.map(lambda key: sdk.put(key, content), keys))

        def our_puts(_):
            put_many(storage, [(key, content) for key in keys])

        read, read_alone, written, written_alone = alternating(scale.repeats, ours, alone, our_puts, alone_puts)
    size = f"{count * LARGE_NBYTES / 1e9:.2g} GB in 16 MB objects"
    against = "the SDK alone, as many threads"
    return [
        Line(f"{cloud.name}: read {size}", read, "1.25 x", against, read_alone),
        Line(f"{cloud.name}: write {size}", written, "1.25 x", against, written_alone),
    ]


def requests() -> dict[str, Counter[str]]:
    """What each operation on a dataset of two tensors asks of a cloud; nothing else went over the wire."""
    with gcs.emulator() as service:
        url = parse("gcs://bucket/x")
        creds = {"token": service.issue(), "endpoint_url": service.endpoint}
        counting = Counting(open_storage(url, credentials_from(url, creds, environ={})))
        out: dict[str, Counter[str]] = {}

        def note(operation):
            out[operation] = +counting.requests
            assert out[operation].total() == len(service.requests)
            counting.reset()
            service.requests.clear()

        _use(counting, note)
        return out


def _use(storage: StorageProvider, note: Callable[[str], None]) -> None:
    ds = Dataset.create(storage, list)
    note("empty()")
    with ds:
        ds.create_tensor("x", dtype="float32")
        ds.create_tensor("label", htype="class_label")
        ds.extend({"x": np.zeros((1000, 8), "float32"), "label": [0] * 1000})
    note("two tensors and 1,000 rows, in one block")
    ds.extend({"x": np.zeros((1000, 8), "float32"), "label": [0] * 1000})
    note("1,000 rows more")
    ds.close()
    note("close()")
    ds = Dataset.open(storage, list)
    note("load()")
    ds.x.numpy()
    note("all rows of a tensor")
    ds.x[500].numpy()
    note("one row of it, afterwards")
    target = MemoryStorage(parse(f"mem://{uuid.uuid4()}"))
    copy_dataset(storage, target, progressbar=False)
    note("copy(), of the source")


def notes() -> str:
    """The memory and the requests, as tables."""
    return f"{memory.table(LARGE_NBYTES)}\n\n{requests_table()}"


def requests_table() -> str:
    verbs = ("get", "size", "list", "put", "delete")
    out = [f"| Requests | {' | '.join(verbs)} |", f"|---|{'---|' * len(verbs)}"]
    for operation, counted in requests().items():
        out.append(f"| {operation} | {' | '.join(str(counted[verb] or '') for verb in verbs)} |")
    return "\n".join(out)
