"""The gallery in a real JupyterLab in a real browser: first tiles, scrolling, what the page holds, a busy kernel."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.benchmarks import pictures
from tests.benchmarks.measure import Line
from tests.browser import chromium
from tests.browser.lab import Lab
from tests.fakes.web import web_server

if TYPE_CHECKING:
    from tests.benchmarks.measure import Scale

_LATENCY_SECONDS = 0.05
_TILES = 24
_READING_MS = 1500  # what a person looks at before the next cell: the page prefetches rows meanwhile

_PREPARE = """
%load_ext deeplake_nb
import time
import numpy as np
import deeplake_nb as deeplake

rows = np.arange({rows}, dtype=">u4").view("uint8").reshape(-1, 4)[:, 1:]
many = deeplake.empty("mem://many", overwrite=True)
many.create_tensor("images", htype="image", sample_compression=None, dtype="uint8")
many.images.extend(np.broadcast_to(rows[:, None, None, :], ({rows}, 2, 2, 3)))
"""

# Seconds from the click on "run" until that many pictures are painted.
_PAINTED = """async ([index, count]) => {
    const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = index;
    const cell = panel.content.widgets[index].node;
    const begun = performance.now();
    window.jupyterapp.commands.execute("notebook:run-cell");
    for (;;) {
        await new Promise(requestAnimationFrame);
        if (cell.querySelectorAll(".deeplake-nb .dl-painted").length >= count) {
            return (performance.now() - begun) / 1000;
        }
        if (performance.now() - begun > 20000) throw new Error("nothing was painted in 20 s");
    }
}"""

# Moves the bar through `share` of its way in so many milliseconds; the times of all frames.
_SCROLL = """(scroll, [share, duration]) => new Promise((done) => {
    const frames = [];
    const far = (scroll.scrollHeight - scroll.clientHeight) * share;
    const begun = performance.now();
    const step = (now) => {
        frames.push(now);
        scroll.scrollTop = (far * (now - begun)) / duration;
        if (now - begun < duration) requestAnimationFrame(step);
        else done(frames);
    };
    requestAnimationFrame(step);
})"""

_JUMP = """async ([scroll, row]) => {
    const begun = performance.now();
    const field = scroll.closest(".deeplake-nb").querySelector(".dl-goto");
    field.value = row;
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    for (;;) {
        await new Promise(requestAnimationFrame);
        if (scroll.querySelector(`.dl-painted[data-row="${row}"]`)) break;
        if (performance.now() - begun > 20000) throw new Error("no tile in 20 s");
    }
    return (performance.now() - begun) / 1000;
}"""


def lines(scale: Scale) -> list[Line]:
    """What a person waits for."""
    with _notebooks() as lab:
        return [*_first_tiles(lab, scale), *_scrolling(lab, scale), *_busy(lab, scale)]


@contextmanager
def _notebooks():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=list(chromium.FLAGS))
        lab = Lab(Path(tempfile.mkdtemp(prefix="benchmark-gallery-")), browser)
        try:
            yield lab
        finally:
            lab.close()
            browser.close()


def _first_tiles(lab: Lab, scale: Scale) -> list[Line]:
    """Later galleries of a page, and the first one, which also loads the code of the widgets.

    In a browser that has shown the notebook before, as a person's has: its first page also compiles JupyterLab.
    """
    folder = Path(tempfile.mkdtemp(prefix="benchmark-tiles-"))
    path = Path(pictures.written(folder, pictures.photographs(folder, max(_TILES, min(scale.files, 500)))).path)
    taken = {}
    with web_server() as web:
        answer = web.answer

        def late(handler):
            time.sleep(_LATENCY_SECONDS)
            answer(handler)

        web.answer = late
        web.files = {f"ds/{file.relative_to(path)}": file.read_bytes() for file in path.rglob("*") if file.is_file()}
        load = {"local": f"ds = deeplake.load({str(path)!r}, read_only=True)"}
        load["late"] = f"ds = deeplake.load({web.endpoint + '/ds'!r}, read_only=True)"
        repeats = max(2, min(scale.repeats, 5))
        for name, opened in [("warm-up", "ds = many"), *load.items()]:
            notebook = lab.open([_PREPARE.format(rows=24) + opened, *["ds"] * repeats], viewport=(1800, 1000))
            notebook.run(0)
            times = []
            for index in range(1, repeats + 1):
                if name == "late":
                    notebook.edit(0, opened)  # afresh, so that nothing is in memory
                    notebook.run(0)
                notebook.page.wait_for_timeout(_READING_MS)
                times.append(notebook.page.evaluate(_PAINTED, [index, _TILES]))
                notebook.wait_idle()
            taken[name] = median(times[1:])
            notebook.close()
    first, hurried = _first_of_a_page(lab, path, max(2, min(scale.repeats, 6)))
    return [
        Line("gallery: 24 tiles painted after a cell was run, local", taken["local"], "300 ms"),
        Line("gallery: the same with 50 ms from every request to its answer", taken["late"], "350 ms"),
        Line("gallery: 24 tiles of the first gallery of a page, local", first, "300 ms"),
        Line("gallery: the same at once after %load_ext", hurried, "500 ms"),
    ]


def _first_of_a_page(lab: Lab, path: Path, repeats: int) -> tuple[float, float]:
    """The first gallery of fresh pages: as by a person, and in a notebook that is run from end to end.

    ``%load_ext`` imports in the background what a gallery needs.
    """
    cells = ["%load_ext deeplake_nb\nimport deeplake_nb as deeplake", f"deeplake.load({str(path)!r}, read_only=True)"]
    pauses = (_READING_MS, 0)
    taken: dict[int, list[float]] = {pause: [] for pause in pauses}
    for pause in pauses * repeats:
        notebook = lab.open(cells, viewport=(1800, 1000))
        notebook.run(0)
        notebook.page.wait_for_timeout(pause)
        taken[pause].append(notebook.page.evaluate(_PAINTED, [1, _TILES]))
        notebook.close()
        lab.clear()
    first, hurried = (median(taken[pause]) for pause in pauses)
    return first, hurried


def _open(lab: Lab, scale: Scale, cells: list[str]):
    notebook = lab.open([_PREPARE.format(rows=scale.labels), "many", *cells], viewport=(1280, 1000))
    notebook.run(0)
    notebook.run(1)
    shown = notebook.output(1).locator(".deeplake-nb")
    shown.scroll_into_view_if_needed()
    shown.locator(".dl-painted").first.wait_for()
    return notebook, shown.locator(".dl-scroll")


def _frame(frames: list[float]) -> float:
    return (frames[-1] - frames[0]) / (len(frames) - 1) / 1000


def _scrolling(lab: Lab, scale: Scale) -> list[Line]:
    notebook, scroll = _open(lab, scale, [])
    held = notebook.page.context.new_cdp_session(notebook.page)
    far = scroll.evaluate(_SCROLL, [0.5, 4000])
    # At a pace at which every row is seen, so that every tile is fetched, decoded and painted: a view in 0.7 s.
    share = 10_000 / scale.labels if scale.labels > 10_000 else 1
    near = scroll.evaluate(_SCROLL, [share, 60_000 if share < 1 else 3000])
    held.send("HeapProfiler.collectGarbage")
    heap = held.send("Runtime.getHeapUsage")["usedSize"]
    notebook.close()
    return [
        Line("gallery: a frame while flying over 1,000,000 rows", _frame(far), "20 ms"),
        Line("gallery: a frame while 10,000 rows are scrolled through and all shown", _frame(near), "20 ms"),
        Line("gallery: heap of the page afterwards, JupyterLab's own included", heap / 1e6, "150 MB", unit="MB"),
    ]


def _busy(lab: Lab, scale: Scale) -> list[Line]:
    notebook, scroll = _open(lab, scale, ["time.sleep(40)"])
    notebook.start(2)
    rows = [(number * 7919) % scale.labels for number in range(1, 41)]
    taken = [notebook.page.evaluate(_JUMP, [scroll.element_handle(), row]) for row in rows]
    assert notebook.is_running(2), "the cell sleeps all the while"
    notebook.wait_idle()
    notebook.close()
    return [Line("gallery: a tile while a cell sleeps, 95th percentile", quantiles(taken, n=20)[-1], "300 ms")]
