"""The two lines of Deep Lake beside ours and the limit, each in an environment of its own, taking turns.

3.9.52 runs the very same code as ours (`programs/v3.py`). All that is read must be equal, in all three.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.format.codecs.images import glanced
from tests import environments
from tests.benchmarks.measure import Line
from tests.benchmarks.pictures import decode, photographs
from tests.peers import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from tests.benchmarks.measure import Scale

V4 = ("deeplake==4.7.4", "numpy")
_PROGRAMS = Path(__file__).with_name("programs")
_WIDTH = 768
_REST_SECONDS = 0.3  # what another has under way in the background is not ours
_SLOW, _SLOW_TURNS = "3.9.52", 3
_CHUNK_NBYTES = 8_000_000  # what the format keeps of vectors in one file


@dataclass(frozen=True)
class Job:
    """One row of the table.

    Attributes:
        call: the function of the programs, and its arguments.
        of: what makes the dataset it reads or changes, once; nothing if it makes its own.
        limit: the same work without a dataset, in this process, in an empty folder.
        given: a file of an array that the limit gets, too; loaded before, as the programs load their arguments: what
            that leaves of memory that is quick to have, decides how long it takes to write as much.
        shared: 3.9.52 reads what ours wrote, as it would take minutes to write it.
        wanted: what of the limit, or of the clock, it should stay within.
        turns: times as many as others take, where one of them scatters.
    """

    what: str
    call: tuple[str, dict]
    of: tuple[str, dict] | None = None
    limit: Callable[..., object] | None = None
    given: Path | None = None
    wanted: str = ""
    turns: int = 1
    shared: bool = False


def lines(scale: Scale) -> list[Line]:
    """Every job on every package."""
    root = Path(tempfile.mkdtemp(prefix="benchmark-deeplakes-"))
    try:
        with Rivals(root) as rivals:
            return [line for job in jobs(root, scale) for line in rivals.measured(job, scale.repeats)]
    finally:
        shutil.rmtree(root)


def jobs(root: Path, scale: Scale) -> Iterator[Job]:
    """The table, with its inputs made as it goes."""
    yield from _pictures(root, scale)
    yield from _vectors(root, scale)
    yield from _values(root, scale)


def _pictures(root, scale):
    count = scale.files // 2
    (root / "files").mkdir()
    paths = photographs(root / "files", scale.files)
    shuffled = np.random.default_rng(0).permutation(count).tolist()
    ingest = ("ingest_jpegs", {"paths": [str(path) for path in paths]})
    yield Job(f"ingest {len(paths):,} JPEG files", ingest, limit=lambda new: _described(new, paths), wanted="1.5 x")
    for how, rows in [("in order", list(range(count))), ("at random", shuffled)]:
        alone = lambda _, rows=rows: [decode(paths[row]) for row in rows]  # noqa: E731
        yield Job(f"decode {count:,} {how}", ("decode", {"rows": rows}), of=ingest, limit=alone, wanted="1.5 x")

    def batch(_):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(decode, paths[:count]))

    yield Job(
        f"decode {count:,} as a batch", ("decode_batch", {"count": count}), of=ingest, limit=batch, wanted="1.5 x"
    )


def _vectors(root, scale):
    random = np.random.default_rng(1)
    vectors = random.random((scale.rows, _WIDTH), "float32")
    np.save(root / "vectors.npy", vectors)
    mapped = np.load(root / "vectors.npy", mmap_mode="r")
    rows = random.integers(0, scale.rows, min(1_000, scale.rows)).tolist()
    np.save(root / "new.npy", random.random((len(rows), _WIDTH), "float32"))
    ingest = ("ingest_vectors", {"values": str(root / "vectors.npy")})
    what = f"{scale.rows:,} x {_WIDTH} float32"

    def saved(new, values):
        np.save(new / "copy.npy", values)

    yield Job(f"ingest {what}", ingest, limit=saved, given=root / "vectors.npy", wanted="1.5 x")
    yield Job(f"read {what}", ("read", {}), of=ingest, limit=lambda _: np.load(root / "vectors.npy"), wanted="1.5 x")
    path, head, nbytes = str(root / "vectors.npy"), mapped.offset, vectors[0].nbytes

    def one_by_one(_):
        return [np.fromfile(path, "float32", _WIDTH, offset=head + row * nbytes) for row in rows]

    each = max(_CHUNK_NBYTES // nbytes, 1)
    for start in range(0, len(vectors), each):
        np.save(root / f"vectors.{start // each}.npy", vectors[start : start + each])

    def at_once(_):
        out = np.empty((len(rows), _WIDTH), "float32")
        places = sorted((*divmod(row, each), at) for at, row in enumerate(rows))
        for number, some in groupby(places, key=itemgetter(0)):
            with (root / f"vectors.{number}.npy").open("rb", buffering=0) as file:
                for _, inside, at in some:
                    file.seek(head + inside * nbytes)
                    file.readinto(out[at])
        return out

    assert np.array_equal(at_once(root), np.array(one_by_one(root)))
    assert np.array_equal(at_once(root), mapped[rows])
    read_batch, read_rows = ("read_batch", {"rows": rows}), ("read_rows", {"rows": rows})
    yield Job(f"{len(rows):,} random rows, at once", read_batch, of=ingest, limit=at_once, wanted="1.5 x")
    yield Job(f"{len(rows):,} random rows, one by one", read_rows, of=ingest, limit=one_by_one, wanted="1.5 x")
    update = ("update_rows", {"rows": rows, "values": str(root / "new.npy")})
    what, again = f"update {len(rows):,} rows at random", lambda new: _copied(root, new)
    yield Job(what, update, of=ingest, limit=again, wanted="1.5 x", turns=3)
    few = min(2_000, scale.rows)
    np.save(root / "few.npy", vectors[:few])
    labels = random.integers(0, 1000, few).tolist()
    append = ("append_rows", {"labels": labels, "values": str(root / "few.npy")})
    yield Job(f"append {few:,} rows one by one", append)


def _described(new, paths):
    """The least that files with their ids, shapes and descriptions cost: each is read, and all written as one."""
    shapes, infos = [], []
    with (new / "one").open("wb") as out:
        for path in paths:
            data = path.read_bytes()
            out.write(data)
            shape = glanced(memoryview(data)).shape  # Pillow takes ten times as long
            shapes.append(shape)
            infos.append({"exif": {}, "shape": [*shape], "format": "jpeg", "filename": path.name, "modified": False})
        for one in (np.array(shapes), _ids(len(paths)), json.dumps(infos).encode()):
            out.write(one)


def _copied(root, new):
    """The least that changing rows of every chunk costs, as the format has a chunk in one file: all of them copied."""
    shutil.copytree(root / "ours" / "ds" / "x" / "chunks", new / "chunks")


def _same_files(root, made):
    """The least that rows with their ids and shapes cost: to make these, and to write what the format has in files."""

    @cache  # the turn that is not counted
    def files():
        ds = root / "ours" / "ds"
        return {path.relative_to(ds): path.read_bytes() for path in ds.rglob("*") if path.is_file()}

    def limit(new):
        made()
        for folder in sorted({path.parent for path in files()}):
            (new / folder).mkdir(exist_ok=True)
        for path, content in files().items():
            with (new / path).open("wb", buffering=0) as file:
                file.write(content)

    return limit


def _ids(count):
    return np.random.default_rng().integers(0, 2**64 - 1, count, "uint64", endpoint=True)


def _values(root, scale):
    labels = np.random.default_rng(2).integers(0, 1000, scale.labels).astype("uint32")
    np.save(root / "labels.npy", labels)
    ingest = ("ingest_labels", {"values": str(root / "labels.npy")})
    what = f"{scale.labels:,} labels"
    written = _same_files(root, lambda: (_ids(len(labels)), np.ones(len(labels), "int64")))
    yield Job(f"ingest {what}", ingest, limit=written, wanted="1.5 x")
    alone = lambda _: np.load(root / "labels.npy")  # noqa: E731
    yield Job(f"read {what}", ("read", {}), of=ingest, limit=alone, wanted="1.5 x")
    texts = [f"text number {number} of a corpus, {number * 7919 % 1000}" for number in range(scale.labels // 10)]
    (root / "texts.txt").write_text("\n".join(texts))
    ingest = ("ingest_texts", {"values": str(root / "texts.txt")})
    what = f"{len(texts):,} texts"

    def made():
        return np.array([len(text) for text in texts]), "".join(texts).encode(), _ids(len(texts))

    written = _same_files(root, made)
    yield Job(f"ingest {what}", ingest, limit=written, wanted="1.5 x")
    (root / "texts.bin").write_text("".join(texts))
    sizes = made()[0]
    stops = sizes.cumsum()

    def cut(_):
        """The decoder alone: the format keeps no separators, but says where each text ends."""
        text = (root / "texts.bin").read_text()
        return [text[start:stop] for start, stop in zip((stops - sizes).tolist(), stops.tolist(), strict=True)]

    assert cut(root) == texts
    yield Job(f"read {what}", ("read_texts", {}), of=ingest, limit=cut, wanted="1.5 x")
    many = np.zeros(scale.labels * 10, "uint32")
    np.save(root / "many.npy", many)
    ingest = ("ingest_labels", {"values": str(root / "many.npy")})
    yield Job(f"open {len(many):,} rows", ("open_dataset", {}), of=ingest, wanted="50 ms", shared=True)


class Rivals:
    """Ours, 3.9.52 and 4, each a process with a folder."""

    def __init__(self, root: Path) -> None:
        pythons = {
            "ours": (Path(sys.executable), "v3.py", "deeplake_nb"),
            "3.9.52": (environments.environment(environments.ORIGINAL) / "python", "v3.py", "deeplake"),
            "4.7.4": (environments.environment(V4) / "python", "v4.py", "deeplake"),
        }
        self._root = root
        self._folders = {name: root / name for name in pythons}
        self._aside = root / "aside"
        for folder in (self._aside, *self._folders.values()):
            folder.mkdir()
        self._peers = {
            name: Peer(python, _PROGRAMS / program, root / name, package, BUGGER_OFF="true")
            for name, (python, program, package) in pythons.items()
        }
        self._made: dict[str, tuple] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for peer in self._peers.values():
            peer.close()

    def measured(self, job: Job, repeats: int) -> Iterator[Line]:
        """The row: ours against each of the others, and the limit. The slow one takes part in the first turns only."""
        taken: dict[str, list[float]] = {name: [] for name in (*self._peers, "limit")}
        for turn in range(repeats * job.turns + 1):
            digests = set()
            for name in self._peers if turn <= _SLOW_TURNS else [one for one in self._peers if one != _SLOW]:
                time.sleep(_REST_SECONDS)
                if job.of and self._made.get(name) != job.of:
                    self._do("ours" if job.shared and name == "3.9.52" else name, job.of, self._folders[name])
                    self._made[name] = job.of
                if not job.of:  # to remove an old one is none of the work
                    self._set_aside(self._folders[name] / "ds")
                seconds, digest = self._do(name, job.call, self._folders[name])
                digests.add(digest)
                taken[name].append(seconds)
                if not job.of or job.call[0].startswith("update"):
                    self._made.pop(name, None)
            assert len(digests) == 1, f"{job.what}: they read different things"
            new = Path(tempfile.mkdtemp(dir=self._root))
            time.sleep(_REST_SECONDS)
            given = [] if job.given is None else [np.load(job.given)]
            begun = time.perf_counter()
            limit = job.limit and job.limit(new, *given)
            taken["limit"].append(time.perf_counter() - begun)
            del limit, given
            self._set_aside(new)
            if turn == 0 and repeats:
                for times in taken.values():
                    times.clear()
        times = {name: median(values) for name, values in taken.items()}
        for name in list(self._peers)[1:]:
            yield Line(job.what, times["ours"], "faster", f"deeplake {name}", times[name])
        if job.limit:
            yield Line(job.what, times["ours"], job.wanted, "the limit", times["limit"])

    def _set_aside(self, folder: Path) -> None:
        """Empty a folder's files, and move it away: they are removed when all is over.

        Until then a file system without a journal would look at each of them before it makes a new file, which is
        hardest on whoever makes most.
        """
        if folder.exists():
            for path in folder.rglob("*"):
                if path.is_file():
                    os.truncate(path, 0)
            folder.rename(Path(tempfile.mkdtemp(dir=self._aside)) / folder.name)

    def _do(self, name: str, call: tuple[str, dict], folder: Path) -> tuple[float, str]:
        return self._peers[name].do(call[0], folder, **call[1])
