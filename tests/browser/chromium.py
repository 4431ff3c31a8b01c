"""The browser: the machine's own, or else installed here. Never skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import debian, machine
from tests.environments import InstallError

PACKAGES = ("chromium", "fonts-dejavu-core")
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


def executable() -> str:
    """Path of a Chromium: $CHROMIUM, one on PATH, playwright's own, or one installed now.

    Raises:
        InstallError: nothing found and nothing could be installed.
    """
    if debian.is_ours():
        return debian.have(_found, *PACKAGES)
    if (path := _found()) is None:
        command = [sys.executable, "-m", "playwright", "install", "chromium"]
        done = subprocess.run(command, env=machine.environ(), capture_output=True, text=True, check=False)
        path = _found()
    if path is None:
        raise InstallError(
            "the browser tests need Chromium and could not install it; run "
            f"`sudo apt-get install -y chromium`, or set CHROMIUM=/path/to/chromium\n{done.stdout}{done.stderr}"
        )
    return path


def _found() -> str | None:
    if given := os.environ.get("CHROMIUM"):
        return given
    on_path = (shutil.which(name) for name in _NAMES)
    return next(filter(None, on_path), None) or _playwrights_own()


def _playwrights_own() -> str | None:
    code = [sys.executable, "-c", _PLAYWRIGHTS_OWN]
    path = subprocess.run(code, env=machine.environ(), capture_output=True, text=True, check=True).stdout.strip()
    return path if Path(path).exists() else None
