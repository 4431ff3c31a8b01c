"""What a saved notebook shows without its kernel: reopened, trusted or not, exported, and run where nobody looks."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from playwright.sync_api import expect

from tests.browser.gallery import gallery, tile
from tests.browser.lab import KERNEL
from tests.browser.page import BrowserPage
from tests.eventually import eventually
from tests.suites.notebook import BOX, PREPARE, RED, ROWS

CELLS = [f"%load_ext deeplake_nb\n{PREPARE}", "colours"]
SUMMARY = f"{ROWS} rows · 4 tensors"
HINT = "run this cell in Jupyter to scroll through all rows"

# How many pixels of a picture on the page are near a colour.
_COUNT = """(image, wanted) => {
    const paint = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext("2d");
    paint.drawImage(image, 0, 0);
    const { data } = paint.getImageData(0, 0, image.naturalWidth, image.naturalHeight);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
        if (wanted.every((value, channel) => Math.abs(value - data[at + channel]) < 40)) count += 1;
    }
    return count;
}"""


@pytest.fixture(scope="module", params=["with widget state", "without widget state"])
def saved(lab, request):
    """A notebook that was run and saved, its page closed."""
    keeps = request.param.startswith("with ")
    opened = lab.open(CELLS, name=f"saved-{keeps}.ipynb", save_widget_state=keeps)
    opened.run_all()
    tile(gallery(opened, 1), 0)
    opened.save()
    opened.close()
    return opened.path


def outputs(path):
    return nbformat.read(path, 4).cells[1].outputs


def kept(path):
    """What a cell left for readers: the summary twice, the picture, and a hint."""
    summary, picture, live = (output.data for output in outputs(path))
    return summary["text/plain"], summary["text/html"], picture["image/jpeg"], picture["text/plain"], live["text/plain"]


def assert_picture_with_boxes(image):
    """Painted on the page, with the boxes of its samples over them."""
    expect(image).to_be_visible()
    eventually(lambda: image.evaluate(_COUNT, list(RED)), lambda pixels: pixels > 10_000)
    assert image.evaluate(_COUNT, list(BOX)) > 1_000


def test_the_file_holds_the_summary_the_picture_and_a_hint_and_little_else(saved):
    text, html, picture, words, hint = kept(saved)
    assert SUMMARY in text
    assert SUMMARY in html
    assert hint == f"[live gallery: {HINT}]"
    assert HINT in html
    assert words == "[picture of the first rows of 'images']"
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")).astype(int)
    assert (abs(pixels - BOX).max(axis=2) < 40).sum() > 1_000
    assert saved.stat().st_size < 400_000
    assert ("widgets" in nbformat.read(saved, 4).metadata) == ("-True" in saved.name)


@pytest.mark.parametrize("trust", [True, False], ids=["trusted", "not trusted"])
def test_reopened_without_its_kernel_the_picture_stands_and_no_error(lab, saved, trust):
    reopened = lab.open(saved, name=f"{saved.stem}-{trust}.ipynb", trust=trust)
    output = reopened.output(1)
    assert_picture_with_boxes(output.locator("img"))
    reopened.page.wait_for_timeout(1000)  # for a widget that would still take the picture away
    assert_picture_with_boxes(output.locator("img"))
    expect(output.get_by_text(SUMMARY)).to_be_visible()
    expect(output.locator(".deeplake-nb-hint")).to_be_visible()  # it waits for a gallery that may come to life
    expect(output.get_by_text("Error displaying widget")).to_be_hidden()
    expect(output.locator(".deeplake-nb")).to_be_hidden()
    reopened.screenshot(f"reopened-{saved.stem}-{trust}")
    reopened.close()


def test_an_html_export_shows_the_summary_and_the_picture(browser, saved, tmp_path):
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(tmp_path), str(saved)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    reader = BrowserPage(browser.new_context(viewport={"width": 1100, "height": 900}))
    reader.page.goto((tmp_path / f"{saved.stem}.html").as_uri(), wait_until="domcontentloaded")
    assert_picture_with_boxes(reader.page.locator("img"))
    expect(reader.page.get_by_text(SUMMARY)).to_be_visible()
    expect(reader.page.get_by_text(HINT).first).to_be_visible()
    expect(reader.page.locator(".deeplake-nb")).to_be_hidden()
    reader.screenshot(f"exported-{saved.stem}")
    reader.close()


# As GitHub shows a notebook: no scripts, no styles, no widgets, and the richest of what is left of each output.
_GITHUB = (
    ("text/html", "{}"),
    ("image/jpeg", '<img src="data:image/jpeg;base64,{}">'),
    ("text/plain", "<pre>{}</pre>"),
)


@pytest.mark.parametrize("known", [_GITHUB, _GITHUB[2:]], ids=["html", "text only"])
def test_a_reader_that_knows_no_widgets_shows_the_hint(browser, saved, known):
    shown = []
    for output in outputs(saved):
        kind, written = next((kind, written) for kind, written in known if kind in output.data)
        html = re.sub(r"<style>.*?</style>", "", output.data[kind], flags=re.DOTALL)
        shown.append(written.format(re.sub(r' (class|style)="[^"]*"', "", html)))
    reader = BrowserPage(browser.new_context(viewport={"width": 1100, "height": 900}))
    reader.page.set_content("".join(f"<div>{one}</div>" for one in shown))
    expect(reader.page.get_by_text(HINT).first).to_be_visible()
    if known is _GITHUB:
        assert_picture_with_boxes(reader.page.locator("img"))
    reader.screenshot(f"github-{saved.stem}-{len(known)}")
    reader.close()


# Follows one cell frame by frame: when the hint was seen, and where the gallery stood. Whether the summary was text is
# noticed as it changes: a page that is slow may draw it but once.
_WATCH = """() => {
    window.watched = { seen: 0, texts: 0, tops: [], frames: 0 };
    const look = () => {
        window.watched.frames += 1;
        for (const one of document.querySelectorAll(".deeplake-nb-hint")) {
            if (one.checkVisibility({ visibilityProperty: true })) window.watched.seen += 1;
        }
        const shown = document.querySelector(".deeplake-nb:not([hidden])");
        const area = shown?.closest(".jp-OutputArea");
        if (shown) window.watched.tops.push(shown.getBoundingClientRect().top - area.getBoundingClientRect().top);
        requestAnimationFrame(look);
    };
    look();
    new MutationObserver(() => {
        const areas = [...document.querySelectorAll(".jp-Cell-outputArea")];
        if (areas.some((area) => area.textContent.includes("-----"))) window.watched.texts += 1;
    }).observe(document.body, { childList: true, subtree: true });
}"""


def test_where_the_gallery_lives_the_hint_is_never_seen_and_nothing_moves(lab):
    opened = lab.open(CELLS, name="live-hint.ipynb")
    opened.run(0)
    opened.page.evaluate(_WATCH)
    opened.run(1)
    tile(gallery(opened, 1), 0)
    opened.page.wait_for_timeout(3000)  # longer than the hint would wait
    opened.page.wait_for_function("() => window.watched.frames > 30")
    watched = opened.page.evaluate("window.watched")
    expect(opened.output(1).locator(".deeplake-nb-hint")).to_have_count(1)
    assert watched["seen"] == 0
    assert watched["texts"] > 0
    expect(opened.output(1).locator(".deeplake-nb-summary table")).to_be_visible()
    assert max(watched["tops"]) - min(watched["tops"]) < 1
    opened.screenshot("live-hint")
    opened.close()


@pytest.fixture(scope="module")
def unattended(tmp_path_factory):
    """The same notebook, run where there is no browser."""
    source, result = (tmp_path_factory.mktemp("unattended") / name for name in ("in.ipynb", "out.ipynb"))
    cells = [new_code_cell(cell) for cell in CELLS]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), source)
    command = [sys.executable, "-m", "papermill", str(source), str(result)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return result


def test_papermill_waits_for_no_browser_and_leaves_the_same_bytes(saved, unattended):
    assert kept(unattended) == kept(saved)
