"""Reading and writing S3 against the wire and the SDK, with a server that costs nothing but waiting; and requests."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import botocore.session
import numpy as np
import urllib3
from botocore.config import Config

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.dataset.copies import copy_dataset
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import get_many, put_many
from deeplake_nb.storage.wrappers import Counting
from deeplake_nb.urls import parse
from tests.benchmarks.measure import QUICK, Line, alternating
from tests.fakes.still import still_server

if TYPE_CHECKING:
    from collections import Counter

    from deeplake_nb.storage.provider import StorageProvider
    from tests.benchmarks.measure import Scale

KEYS = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "any"}
LATENCY_SECONDS = 0.05
SMALL_NBYTES, LARGE_NBYTES = 100_000, 16 << 20


def opened(endpoint: str) -> StorageProvider:
    """S3 as the product opens it."""
    url = parse("s3://bucket/x")
    return open_storage(url, credentials_from(url, {**KEYS, "endpoint_url": endpoint}, environ={}))


def sdk(endpoint: str):
    """S3 as the SDK has it, with as many connections."""
    session = botocore.session.Session()
    config = Config(max_pool_connections=32, retries={"mode": "standard"})
    return session.create_client("s3", region_name="us-east-1", endpoint_url=endpoint, config=config, **KEYS)


def lines(scale: Scale) -> list[Line]:
    """Many small objects behind 50 ms, many large ones behind nothing."""
    small, large = (32, 2) if scale is QUICK else (256, 64)
    return [*_small(scale, small), *_large(scale, large)]


def _small(scale: Scale, count: int) -> list[Line]:
    keys = [f"n{SMALL_NBYTES}/{number}" for number in range(count)]
    puts = [(key, bytes(SMALL_NBYTES)) for key in keys]
    with still_server(LATENCY_SECONDS) as endpoint, ThreadPoolExecutor(32) as threads:
        storage, connections = opened(endpoint), urllib3.PoolManager(maxsize=32)

        def asked(key):
            return len(connections.request("GET", f"{endpoint}/bucket/x/{key}").data)

        def sent(put):
            connections.request("PUT", f"{endpoint}/bucket/x/{put[0]}", body=put[1])

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
        Line(f"S3: read {size}", read, "1.3 x", "32 bare connections", read_at_best),
        Line(f"S3: write {size}", written, "", "32 bare connections", written_at_best),
    ]


def _large(scale: Scale, count: int) -> list[Line]:
    keys = [f"n{LARGE_NBYTES}/{number}" for number in range(count)]
    content = bytes(LARGE_NBYTES)
    with still_server() as endpoint, ThreadPoolExecutor(32) as threads:
        storage, client = opened(endpoint), sdk(endpoint)

        def alone(_):
            answers = threads.map(lambda key: client.get_object(Bucket="bucket", Key=key)["Body"].read(), keys)
            assert sum(map(len, answers)) == count * LARGE_NBYTES

        def ours(_):
            assert sum(len(data) for data in get_many(storage, [(key, None) for key in keys])) == count * LARGE_NBYTES

        def alone_puts(_):
            list(threads.map(lambda key: client.put_object(Bucket="bucket", Key=key, Body=content), keys))

        def our_puts(_):
            put_many(storage, [(key, content) for key in keys])

        read, read_alone, written, written_alone = alternating(scale.repeats, ours, alone, our_puts, alone_puts)
    size = f"{count * LARGE_NBYTES / 1e9:.2g} GB in 16 MB objects"
    return [
        Line(f"S3: read {size}", read, "1.25 x", "the SDK alone, as many threads", read_alone),
        Line(f"S3: write {size}", written, "1.25 x", "the SDK alone, as many threads", written_alone),
    ]


class _Distant(Counting):
    """Memory that is asked as a network is: side by side."""

    concurrency = 32


def requests() -> dict[str, Counter[str]]:
    """What each operation on a dataset of two tensors asks of a storage."""
    counting = _Distant(MemoryStorage(parse(f"mem://{uuid.uuid4()}")))
    out: dict[str, Counter[str]] = {}

    def note(operation):
        out[operation] = +counting.requests
        counting.reset()

    ds = Dataset.create(counting, list)
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
    ds = Dataset.open(counting, list)
    note("load()")
    ds.x.numpy()
    note("all rows of a tensor")
    ds.x[500].numpy()
    note("one row of it, afterwards")
    target = MemoryStorage(parse(f"mem://{uuid.uuid4()}"))
    copy_dataset(counting, target, progressbar=False)
    note("copy(), of the source")
    return out


def notes() -> str:
    """The requests, as a table."""
    verbs = ("get", "size", "list", "put", "delete")
    out = [f"| Requests | {' | '.join(verbs)} |", f"|---|{'---|' * len(verbs)}"]
    for operation, counted in requests().items():
        out.append(f"| {operation} | {' | '.join(str(counted[verb] or '') for verb in verbs)} |")
    return "\n".join(out)
