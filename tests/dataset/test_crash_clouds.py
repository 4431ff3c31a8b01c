"""kill -9 of a writer to a cloud, with chunks on their way: what was flushed is there, and nothing else counts."""

from __future__ import annotations

import json
import os
import random

import numpy as np

import deeplake_nb as deeplake
from tests.fakes import moto
from tests.fakes.killed import killed
from tests.fakes.proxy import delayed, fault_proxy

PLACE = "s3://bucket/ds"
BLOCK = 40  # rows, in extends of ten, each of which fills chunks

CHILD = """
import json, sys
import numpy as np
import deeplake_nb as deeplake
from tests.dataset.test_crash_clouds import BLOCK, PLACE, rows
ds = deeplake.load(PLACE, creds=json.loads(sys.argv[1]))
at = len(ds)
print(at, flush=True)
while True:
    with ds:
        for start in range(at, at + BLOCK, 10):
            ds.extend(rows(start, start + 10))
    at += BLOCK
    print(at, flush=True)
"""


def rows(start, stop):
    numbers = np.arange(start, stop)
    return {
        "x": np.repeat(numbers[:, None], 2000, 1),
        "text": [f"row {at}" * (at % 50) for at in numbers.tolist()],
        "seq": [[at] * (at % 3) for at in numbers.tolist()],
    }


def test_kill_9_of_a_writer_to_s3_loses_nothing_that_was_flushed():
    seed = int.from_bytes(os.urandom(4))
    chance = random.Random(seed)
    with moto.moto_server() as endpoint, fault_proxy(endpoint) as front:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        creds = {**moto.ADMIN, "endpoint_url": front.endpoint}
        ds = deeplake.empty(PLACE, creds=creds)
        ds.create_tensor("x", dtype="int64", max_chunk_size=100_000)
        ds.create_tensor("text", htype="text", max_chunk_size=20_000)
        ds.create_tensor("seq", htype="sequence[generic]", dtype="int64")
        ds.close()
        front.always = lambda _: delayed(chance.uniform(0, 0.01))
        flushed = 0
        for _ in range(int(os.environ.get("CRASHES", "2"))):
            said = killed(CHILD, json.dumps(creds), lines=chance.randint(1, 2), seconds=chance.uniform(0, 0.4))
            flushed = max(flushed, *map(int, said))
            moto.client(endpoint).delete_object(Bucket="bucket", Key="ds/dataset_lock.lock")  # as if it had run out
            ds = deeplake.load(PLACE, creds=creds, read_only=True)
            assert ds.min_len == ds.max_len, f"seed {seed}"
            assert flushed <= len(ds) <= flushed + BLOCK, f"seed {seed}"
            check(ds)
        assert not deeplake.fsck(PLACE, creds=creds).wrong


def check(ds):
    expected = rows(0, len(ds))
    assert np.array_equal(ds.x.numpy(), expected["x"].reshape(ds.x.numpy().shape))
    assert ds.text.text() == expected["text"] or not len(ds)
    assert [len(row) for row in ds.seq.numpy(aslist=True)] == [len(row) for row in expected["seq"]]
