"""From running a cell to photographs on the screen, in a real JupyterLab in a real browser."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.benchmarks import pictures
from tests.benchmarks.measure import Line
from tests.browser import chromium
from tests.browser.lab import Lab

if TYPE_CHECKING:
    from tests.benchmarks.measure import Scale

_PAINTED_MS = """async (index) => {
    const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = index;
    const cell = panel.content.widgets[index].node;
    const begun = performance.now();
    window.jupyterapp.commands.execute("notebook:run-cell");
    for (;;) {
        await new Promise(requestAnimationFrame);
        if (cell.querySelector(".deeplake-nb .dl-painted")) return performance.now() - begun;
        if (performance.now() - begun > 20000) throw new Error("nothing was painted in 20 s");
    }
}"""


def lines(scale: Scale) -> list[Line]:
    """The first gallery of a page, which also loads the widget's code, and later ones.

    ``%load_ext`` imports in the background what a gallery needs, so the first one is measured at once after it, as in
    a notebook that is run from end to end, and a second later, as by a person.
    """
    folder = Path(tempfile.mkdtemp(prefix="benchmark-pixels-"))
    path = pictures.written(folder, pictures.photographs(folder, min(scale.files, 500))).path
    show = f"deeplake.load({path!r}, read_only=True)"
    prepare = "%load_ext deeplake_nb\nimport deeplake_nb as deeplake"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=list(chromium.FLAGS))
        lab = Lab(Path(tempfile.mkdtemp(prefix="benchmark-lab-")), browser)
        first, hurried, later = [], [], []
        for pause, firsts in [(1, first), (0, hurried)] * min(scale.repeats, 3):
            notebook = lab.open([prepare, *[show] * 5])
            notebook.run(0)
            time.sleep(pause)
            taken = []
            for index in range(1, 6):
                taken.append(notebook.page.evaluate(_PAINTED_MS, index) / 1000)
                notebook.wait_idle()
            firsts.append(taken[0])
            later += taken[1:]
            notebook.close()
        lab.close()
        browser.close()
    return [
        Line("first pixels, first gallery of a page", median(first), "0.5 s"),
        Line("first pixels, at once after %load_ext", median(hurried), "0.5 s"),
        Line("first pixels, later galleries", median(later), "0.5 s"),
    ]
