"""Vector stores: exact search beside the matrix-vector product in memory, the index beside its library, ingest."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb import VectorStore
from deeplake_nb.vectorstore import scan
from deeplake_nb.vectorstore.metrics import metric_named
from deeplake_nb.vectorstore.searching import Search
from deeplake_nb.vectorstore.sketches import NBYTES, Sketches
from tests import environments, machine
from tests.benchmarks.deeplakes import V4
from tests.benchmarks.measure import Line, alternating
from tests.fakes.hub import hub_server
from tests.peers import Peer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.measure import Scale

_WIDTH, _K = 768, 10
_METRICS = ("cos", "l2", "dot")
_AT_ONCE = 50_000
_PROGRAMS = Path(__file__).with_name("programs")
_QUERIES = 50
_REST_SECONDS = 0.3  # threads of numpy's library wait for more work on all cores for a while, which is not ours


def lines(scale: Scale) -> list[Line]:
    """A million vectors exactly, a hundred thousand by the index, a hundred thousand rows stored."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-vectorstore-"))
    try:
        return [
            *_exact(scale, folder / "exact", scale.rows * 20),
            *_approximate(scale, folder / "approximate", scale.rows * 2),
            *_ingest(scale, folder / "ingest", scale.rows * 2),
        ]
    finally:
        shutil.rmtree(folder)


def embeddings(count: int, seed: int = 0) -> np.ndarray:
    """As embeddings lie: in clusters, which overlap."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((200, _WIDTH), "float32")
    return centres[rng.integers(0, 200, count)] + rng.standard_normal((count, _WIDTH), "float32")


def filled(folder: Path, count: int, **options) -> VectorStore:
    """A store of so many rows."""
    store = VectorStore(folder, verbose=False, **options)
    with store.dataset:
        for start in range(0, count, _AT_ONCE):
            some = range(start, min(start + _AT_ONCE, count))
            texts = [f"text {at}" for at in some]
            store.add(text=texts, metadata=[{"page": at % 9} for at in some], embedding=embeddings(len(some), start))
    store.dataset.close()
    return store


def _exact(scale: Scale, folder: Path, count: int) -> Iterator[Line]:
    """All metrics take turns with one product, often enough that a busy minute of the machine decides nothing."""
    store = filled(folder, count)
    memory = _memory(folder)
    query = embeddings(1, seed=5)[0]
    whole = store.dataset.embedding.numpy()
    what, beside = f"exact top {_K} of {count:,} x {_WIDTH}", "a matrix in memory by the vector"

    def search(metric):
        store.search(embedding=query, k=_K, distance_metric=metric, exec_option="python")

    def looking(metric):
        scan.SKETCHES = Sketches(NBYTES)
        search(metric)

    def very_first(metric):
        scan._LENGTHS.clear()
        looking(metric)

    ways = {one: [lambda _, one=one, way=way: way(one) for way in (very_first, looking)] for one in _METRICS}
    repeats = 3 * scale.repeats // 2
    *looked, limit = alternating(repeats, *itertools.chain(*ways.values()), lambda _: whole @ query, rest=_REST_SECONDS)
    searches = _sketched(store, {"embedding": query, "k": _K, "exec_option": "python"})
    again = [lambda _, one=one: search(one) for one in _METRICS]
    *sketched, product = alternating(repeats, *again, lambda _: whole @ query, rest=_REST_SECONDS)
    for metric, first, once_more, later in zip(_METRICS, looked[::2], looked[1::2], sketched, strict=True):
        yield Line(f"{what}, {metric}, the first", first, "", beside, limit)
        yield Line("the same, looking at all once more", once_more, "1.25 x", beside, limit)
        yield Line(f"the same after {searches}", later, "1.25 x", beside, product)
    yield Line(f"memory of {what}", memory / 1e6, "512 MB", unit="MB")


def _sketched(store: VectorStore, asked: dict[str, Any]) -> int:
    """Search until no more sketches come of it; gives the number of searches."""
    for count in itertools.count():
        before = scan.SKETCHES.room
        store.search(**asked)
        if count > 1 and scan.SKETCHES.room == before:
            return count
    raise AssertionError


def _memory(folder: Path) -> int:
    """The most that a search takes, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.vectorstore", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return int(done.stdout.splitlines()[-1])


def _measure_memory(folder: str) -> int:
    store = VectorStore(folder, read_only=True)
    query = embeddings(1, seed=5)[0]
    store.search(embedding=query, filter={"text": "text 1"})  # so that everything is loaded
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    _sketched(store, {"embedding": query, "k": _K, "exec_option": "python"})
    return _status("VmHWM") - before


def _status(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) << 10


def _approximate(scale: Scale, folder: Path, count: int) -> Iterator[Line]:
    store = filled(folder, count, index_params={"threshold": 1})
    queries = embeddings(_QUERIES, seed=6)
    began = time.perf_counter()
    store.search(embedding=queries[0], k=_K)
    built = time.perf_counter() - began
    (index,) = store._engines._indexes.values()
    library = index._graph._hnsw
    directions = queries / np.linalg.norm(queries, axis=1)[:, None]

    def search(option):
        asked = {"k": _K, "exec_option": option, "return_tensors": ["id"]}
        return [store.search(embedding=one, **asked)["id"] for one in queries]

    found, wanted = search("compute_engine"), search("python")
    shares = [len(set(one) & set(other)) / _K for one, other in zip(found, wanted, strict=True)]
    what = f"{_QUERIES} approximate top {_K} of {count:,} x {_WIDTH}"
    yield Line(f"recall of {what}", sum(shares) / len(shares), "0.95", unit="of 1")
    repeats = min(scale.repeats, 3)

    def rows_and_scores():  # what the library gives, too
        return [
            store._engines.run("compute_engine", store.dataset, Search("embedding", one, _K, cos)) for one in queries
        ]

    cos = metric_named("cos")
    ours, exact = alternating(repeats, lambda _: search("compute_engine"), lambda _: search("python"))
    rows, alone = alternating(
        3 * scale.repeats,  # of hundredths of a second each
        lambda _: rows_and_scores(),
        lambda _: [library.search(one[None], _K) for one in directions],
    )
    yield Line(f"{what}, with their ids", ours, "0.1 x", "exact", exact)
    yield Line(f"{what}, rows and scores", rows, "1.3 x", "the library alone", alone)
    yield Line(f"{what}, with their ids", ours, "", "the library alone, which gives none", alone)
    yield Line(f"make the index of {count:,} x {_WIDTH}, store it, and search once", built, "")


def _ingest(scale: Scale, folder: Path, count: int) -> Iterator[Line]:
    folder.mkdir()
    np.save(folder / "values.npy", embeddings(count))
    (folder / "texts.txt").write_text(
        "\n".join(f"text number {at} of a corpus, {at * 7919 % 1000}" for at in range(count))
    )
    given = {"values": str(folder / "values.npy"), "texts": str(folder / "texts.txt")}
    with hub_server() as hub:
        original = environments.environment(environments.ORIGINAL) / "python"
        options = {"BUGGER_OFF": "true", "HUB": hub.url}
        peers = {
            "ours": Peer(Path(sys.executable), _PROGRAMS / "store_v3.py", folder, "deeplake_nb"),
            "3.9.52": Peer(original, _PROGRAMS / "store_v3.py", folder, "deeplake", **options),
            V4[0]: Peer(environments.environment(V4) / "python", _PROGRAMS / "store_v4.py", folder),
        }
        try:
            taken: dict[str, list[float]] = {name: [] for name in peers}
            for turn in range(min(scale.repeats, 3) + 2):  # the first one imports, memory is at hand from the third on
                for name in ["3.9.52", "ours", V4[0]][turn > 0 :]:  # which takes a minute, and takes part once
                    (folder / name).mkdir(exist_ok=True)
                    taken[name].append(peers[name].do("ingest", folder / name, **given)[0])
        finally:
            for peer in peers.values():
                peer.close()
    times = {name: median(values[2:] or values) for name, values in taken.items()}
    for name in list(peers)[1:]:
        what = f"add {count:,} x {_WIDTH} with texts and metadata"
        yield Line(what, times["ours"], "faster", f"deeplake {name.rpartition('=')[2]}", times[name])


if __name__ == "__main__":
    machine.isolate()
    print(_measure_memory(sys.argv[1]))  # noqa: T201 - to whoever started it
