"""The browser: the machine's own, or else installed here. Never skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import machine

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PLAYWRIGHTS_OWN = """
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    print(p.chromium.executable_path)
"""
FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # no look-up leaves the machine
)


class BrowserNotFoundError(RuntimeError):
    """No browser, and none could be installed; the message has the one command that helps."""


def executable() -> str:
    """Path of a Chromium: $CHROMIUM, one on PATH, playwright's own, or one installed now.

    Raises:
        BrowserNotFoundError: nothing found and nothing could be installed.
    """
    if path := _found():
        return path
    if os.geteuid() == 0 and shutil.which("apt-get"):
        packages = ["chromium", "fonts-dejavu-core"]
        install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
        attempt = _run(["apt-get", "update"]) or _run(install)
    else:
        attempt = _run([sys.executable, "-m", "playwright", "install", "chromium"])
    if path := _found():
        return path
    raise BrowserNotFoundError(
        "the browser tests need Chromium and could not install it; run "
        f"`sudo apt-get install -y chromium`, or set CHROMIUM=/path/to/chromium\n{attempt}"
    )


def _found() -> str | None:
    if given := os.environ.get("CHROMIUM"):
        return given
    on_path = (shutil.which(name) for name in _NAMES)
    return next(filter(None, on_path), None) or _playwrights_own()


def _playwrights_own() -> str | None:
    code = [sys.executable, "-c", _PLAYWRIGHTS_OWN]
    path = subprocess.run(code, env=machine.environ(), capture_output=True, text=True, check=True).stdout.strip()
    return path if Path(path).exists() else None


def _run(command: list[str]) -> str:
    """What went wrong, or an empty string."""
    env = machine.environ() | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return "" if done.returncode == 0 else f"{' '.join(command)}\n{done.stdout}{done.stderr}"[-2000:]
