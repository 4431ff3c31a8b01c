"""The imitated pages, bundled once on this machine and served on loopback to two origins."""

from __future__ import annotations

import contextlib
import mimetypes
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from tests import environments, machine
from tests.fakes.web import send, web_server

SOURCES = Path(__file__).parent
_VSCODE = "@vscode/jupyter-ipywidgets8@1.0.9"  # with its dependencies left out: its bundle has them inside
_ENTRIES = ("vscode", "content", "colab", "frame")


def built() -> Path:
    """The folder of the bundles, made at the first call on this machine (some 15 s)."""
    sources = sorted(SOURCES.glob("*.js*"))
    with environments.cached("hosts", [_VSCODE, *(path.read_text() for path in sources)]) as (folder, is_new):
        if is_new:
            for path in sources:
                (folder / path.name).write_text(path.read_text())
            _build(folder)
    return folder


def _build(folder: Path) -> None:
    scripts = environments.environment(environments.NODE)
    _run(folder, scripts / "npm", "install", "--no-audit", "--no-fund", "--no-package-lock")
    _run(folder, scripts / "npm", "pack", _VSCODE)
    (packed,) = folder.glob("*.tgz")
    with tarfile.open(packed) as archive:
        manager = archive.extractfile("package/dist/ipywidgets.js")
        assert manager is not None
        (folder / "ipywidgets8.js").write_bytes(manager.read())
    entries = [f"{name}.bundle={name}.js" for name in _ENTRIES]
    flags = ["--bundle", "--format=esm", "--outdir=.", "--log-level=error", "--loader:.svg=dataurl"]
    _run(folder, folder / "node_modules" / ".bin" / "esbuild", *entries, *flags, "--external:./ipywidgets8.js")


def _run(folder: Path, *command: str | Path) -> None:
    env = machine.environ()
    env["PATH"] = f"{environments.environment(environments.NODE)}{os.pathsep}{env['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise environments.InstallError(
            "the pages that imitate other notebooks could not be made; is the npm registry reachable? "
            f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
        )


@contextlib.contextmanager
def served():
    """The address of the pages; their frames come from another origin, which is this machine under another name."""
    folder = built()
    files = {path.name: path for path in (*SOURCES.glob("*.html"), *folder.glob("*.bundle.js"))}
    files["ipywidgets8.js"] = folder / "ipywidgets8.js"
    files["require.js"] = folder / "node_modules" / "requirejs" / "require.js"
    files["anywidget.js"] = Path(sys.prefix, "share", "jupyter", "nbextensions", "anywidget", "index.js")
    with web_server() as web:
        frames = web.endpoint.replace("127.0.0.1", "localhost")
        for name, path in files.items():
            kind = mimetypes.guess_type(name)[0] or ""
            content = path.read_bytes()
            if path.suffix == ".html":
                content = content.replace(b"WEBVIEW", f"{frames}/webview.html".encode()).replace(
                    b"FRAMES", frames.encode()
                )
            web.pages[f"/{name}"] = _page(content, kind)
        yield web.endpoint


def _page(content: bytes, kind: str):
    return lambda handler: send(handler, 200, content, {"Content-Type": kind})
