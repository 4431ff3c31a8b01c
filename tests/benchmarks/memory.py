"""The most memory that reading and writing a cloud takes, measured in a fresh process (on Linux) for each."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests import machine
from tests.fakes.still import still_server

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATIONS = ("read", "read, slowly", "write", "write in parts")
_OBJECTS = 64
_WAIT_SECONDS = 0.5
_AT_ONCE = {"S3": 64 << 20, "Azure": 64 << 20, "GCS": 16 << 20}  # parts under way: eight of 8 MB, one of 16 MB


def in_flight(cloud: str, operation: str, nbytes: int) -> int:
    """Bytes that are under way at once, with objects of ``nbytes``."""
    return _AT_ONCE[cloud] if operation == "write in parts" else 32 * nbytes


def peak(cloud: str, operation: str, nbytes: int) -> int:
    """Bytes that ``operation`` on 64 objects of ``nbytes``, or one as long as all, takes beside the caller's own."""
    with still_server() as endpoint:
        command = [sys.executable, "-m", "tests.benchmarks.memory", cloud, endpoint, operation, str(nbytes)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    return int(done.stdout)


def table(nbytes: int) -> str:
    """Each operation on each cloud, against what is in flight."""
    out = ["| Memory | Takes | Wanted | Ratio | to what is in flight |", "|---|---|---|---|---|"]
    for cloud in _AT_ONCE:
        for operation in OPERATIONS:
            most, limit = peak(cloud, operation, nbytes), in_flight(cloud, operation, nbytes)
            ratio = f"{most / limit:.2f}"
            out.append(f"| {cloud}: {operation} | {most / 1e6:.0f} MB | 3 x | {ratio} | {limit / 1e6:.0f} MB |")
    return "\n".join(out)


def _measure(name: str, endpoint: str, operation: str, nbytes: int) -> int:
    from deeplake_nb.storage.provider import get_many, put_many, put_parts
    from tests.benchmarks.clouds import CLOUDS

    storage = next(cloud for cloud in CLOUDS if cloud.name == name).opened(endpoint)
    keys = [f"n{nbytes}/{number}" for number in range(_OBJECTS)]
    own = [bytearray(nbytes // 2) for _ in range(2 * _OBJECTS)] if operation == "write" else []
    for data in own:
        data[::4096] = b"x" * len(data[::4096])  # so that its memory is there
    storage.put("warm", b"x")
    assert len(storage.get("n1/warm")) == 1
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    if operation == "write":
        put_many(storage, [(key, own[2 * number : 2 * number + 2]) for number, key in enumerate(keys)])
    elif operation == "write in parts":
        total = _OBJECTS * nbytes
        put_parts(storage, "long", _pieces(total), total)
    else:
        found = 0
        for data in get_many(storage, [(key, None) for key in keys]):
            if operation == "read, slowly" and not found:
                time.sleep(_WAIT_SECONDS)  # as much as may be read ahead is there by now
            found += len(data)
        assert found == _OBJECTS * nbytes
    return _status("VmHWM") - before


def _pieces(nbytes: int) -> Iterator[bytes]:
    for _ in range(nbytes >> 20):
        yield b"x" * (1 << 20)


def _status(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) << 10


if __name__ == "__main__":
    machine.isolate()
    print(_measure(*sys.argv[1:4], int(sys.argv[4])))  # noqa: T201 - to whoever started it
