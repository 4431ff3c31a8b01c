"""Programs that come from Debian's packages: installed at first use, by one of the tests' processes at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests import machine
from tests.environments import InstallError

_LOCK = Path(tempfile.gettempdir(), "deeplake-nb-tests-debian.lock")  # apt's own lets the second one fail


def is_ours() -> bool:
    """True where packages can be installed: on a Debian, as root."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def have(found, *packages: str):
    """What `found` finds, once it finds something: the packages are installed if need be.

    Raises:
        InstallError: it still finds nothing; the message has the command that helps.
    """
    if (there := found()) is not None:
        return there
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if not is_ours():
        raise InstallError(f"the tests need Debian's {', '.join(packages)}: run `sudo {' '.join(command)}`")
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = found()  # another process may have been faster
        tried = "" if there is not None else _run(["apt-get", "update"]) or _run(command)
    if (there := found()) is None:
        raise InstallError(f"the tests need Debian's {', '.join(packages)} and could not install them\n{tried}")
    return there


def _run(command: list[str]) -> str:
    """What went wrong, or an empty string."""
    env = machine.environ() | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return "" if done.returncode == 0 else f"{' '.join(command)}\n{done.stdout}{done.stderr}"[-2000:]
