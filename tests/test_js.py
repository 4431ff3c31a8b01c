"""The front end: its own checks and tests, and that the bundles in the package are made of these sources."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests import environments

ROOT = Path(__file__).parents[1]
JS = ROOT / "js"
STATIC = ROOT / "deeplake_nb" / "static"
INSTALL = "install --no-audit --no-fund --no-package-lock"


def npm(command, env):
    """Run npm in `js/` with the Node of an environment of its own."""
    scripts = environments.environment(environments.NODE)
    path = f"{scripts}{os.pathsep}{env['PATH']}"
    return subprocess.run(
        [scripts / "npm", *command.split()],
        cwd=JS,
        env=env | {"PATH": path, "CI": "true", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def node_modules(machine_env):
    """What package.json asks for, installed unless it is there already."""
    installed = JS / "node_modules" / ".package-lock.json"  # npm writes it last
    if not installed.exists() or installed.stat().st_mtime < (JS / "package.json").stat().st_mtime:
        done = npm(INSTALL, machine_env)
        assert done.returncode == 0, f"`npm {INSTALL}` failed in js/; is the npm registry reachable?\n{done.stdout}"
        installed.touch()


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize("script", ["check", "test"])
def test_the_front_ends_own(script, machine_env):
    done = npm(f"run {script}", machine_env)
    assert done.returncode == 0, done.stdout


def test_the_bundles_are_made_of_these_sources():
    """Computed here independently of the two that write it, `build.mjs` and the build hook."""
    sources = [JS / "build.mjs", JS / "package.json", *(path for path in JS.glob("src/**/*") if path.is_file())]
    digest = hashlib.sha256()
    for path in sorted(sources, key=lambda path: path.relative_to(JS).as_posix()):
        digest.update(path.relative_to(JS).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    stored = STATIC / "source.sha256"
    assert stored.is_file(), "no bundles: run `npm run build` in js/, or install the package"
    assert stored.read_text().strip() == digest.hexdigest(), "the bundles are stale: run `npm run build` in js/"


def test_no_bundle_is_heavier_than_a_notebook_can_bear():
    """anywidget sends it with every widget."""
    bundles = {path.name: len(gzip.compress(path.read_bytes())) for path in STATIC.glob("*.js")}
    assert "gallery.js" in bundles
    assert max(bundles.values()) < 60_000, bundles
