"""Everywhere that a page, a server and a kernel leave something: where a secret would be found if it were anywhere."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.browser.lab import Lab
    from tests.browser.notebook import NotebookPage

_LARGEST = 50_000_000
_STORED = """async () => {
    const found = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie];
    for (const { name } of await indexedDB.databases()) {
        const db = await new Promise((done, fail) => {
            const request = indexedDB.open(name);
            request.onsuccess = () => done(request.result);
            request.onerror = () => fail(request.error);
        });
        for (const store of db.objectStoreNames) {
            const all = await new Promise((done, fail) => {
                const request = db.transaction(store).objectStore(store).getAll();
                request.onsuccess = () => done(request.result);
                request.onerror = () => fail(request.error);
            });
            found.push(JSON.stringify(all));
        }
        db.close();
    }
    return found;
}"""
_MODEL = "() => [window.jupyterapp.shell.currentWidget.content.model.toJSON(), 'widgets']"
_INPUTS = """() => [...document.querySelectorAll('.deeplake-nb-form input, .deeplake-nb-form textarea')]
    .map((one) => one.value)"""


def all_of(lab: Lab, notebook: NotebookPage, folder: Path) -> dict[str, bytes]:
    """Content by place, after the notebook was saved and exported: files (the notebook and its checkpoint, the logs of
    server and kernels, the hub, settings), ``history``, ``page``, ``inputs``, ``console``, ``storage``, ``model``.
    """
    notebook.save()
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", str(notebook.path), "--output-dir", str(folder)],
        check=True, capture_output=True, env=lab.env, timeout=120,
    )  # fmt: skip
    (exported,) = folder.glob("*.html")
    root = lab.root.parent
    files = [path for path in root.rglob("*") if path.is_file() and path.stat().st_size < _LARGEST]
    places = {str(path.relative_to(root)): path.read_bytes() for path in files}
    (history,) = [path for path in files if path.name == "history.sqlite"]
    with sqlite3.connect(history) as kept:
        places["history"] = json.dumps(kept.execute("select source from history").fetchall()).encode()
    places["exported"] = exported.read_bytes()
    places["page"] = notebook.page.content().encode()
    places["inputs"] = json.dumps(notebook.page.evaluate(_INPUTS)).encode()
    places["console"] = "\n".join([*getattr(notebook, "console", ()), *notebook.errors]).encode()
    places["storage"] = json.dumps(notebook.page.evaluate(_STORED)).encode()
    places["model"] = json.dumps(notebook.page.evaluate(_MODEL)).encode()
    assert str(notebook.path.relative_to(root)) in places
    return places


def found(places: dict[str, bytes], secrets: Iterable[str]) -> set[str]:
    """The places that hold one of these, in whatever form."""
    needles = {form.encode() for secret in secrets for form in _forms(secret)}
    return {name for name, content in places.items() if any(needle in content for needle in needles)}


def _forms(text: str) -> set[str]:
    """A secret as it could stand somewhere: as it is, for a url, as JSON, in base64 at each offset."""
    encoded = {
        base64.b64encode(b"x" * pad + text.encode())[4 if pad else 0 : -4].decode().strip("=") for pad in range(3)
    }
    return {text, quote(text, safe=""), json.dumps(text)[1:-1], *encoded}
