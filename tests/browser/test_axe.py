"""axe finds nothing serious in what other files do not let it see: players, broken links, search results, progress."""

from __future__ import annotations

import pytest

import deeplake_nb as deeplake
from tests.browser.axe import serious
from tests.browser.gallery import gallery
from tests.widgets.conftest import film, song, tone

SETUP = """
%load_ext deeplake_nb
import hashlib
import time
import numpy as np
import deeplake_nb as deeplake
from deeplake_nb.widgets.gallery import Gallery

ds = deeplake.load("played", read_only=True)

def embed(texts):
    texts = [texts] if isinstance(texts, str) else texts
    return [np.frombuffer(hashlib.sha256(text.encode()).digest(), "u1").astype("f4") for text in texts]

store = deeplake.VectorStore("mem://words", embedding_function=embed, verbose=False)
words = ["a rocket on its way into space", "a cup of coffee on a saucer"]
_ = store.add(text=words, metadata=[{}, {}], embedding_data=words)
long = deeplake.empty("mem://long")
long.create_tensor("y", dtype="uint8").extend(np.zeros((300, 10), "uint8"))
"""
SOUNDS, LINKS, SEARCH, LONG = 1, 2, 3, 4
KINDS = {"songs": ("audio", "mp3"), "wavs": ("audio", "wav"), "films": ("video", "mp4")}

pytestmark = pytest.mark.usefixtures("node_modules")


@pytest.fixture(scope="module")
def notebook(lab, held):
    files = {"songs": song("mp3", "libmp3lame"), "wavs": tone(), "films": film()}
    with deeplake.empty(str(lab.root / "played")) as ds:
        for name, (htype, kind) in KINDS.items():
            ds.create_tensor(name, htype=htype, sample_compression=kind)
        ds.create_tensor("gone", htype="link[image]", sample_compression="png", verify=False)
        for row in range(3):
            linked = deeplake.link(str(lab.root / f"gone {row}.png"))
            ds.append({**{name: deeplake.Sample(file) for name, file in files.items()}, "gone": linked})
    search = "%lake search store 'a cup of tea' --k 2"
    filtered = f"_ = long.filter(lambda row: not {held.expression})"
    opened = lab.open([SETUP, "Gallery(ds, 'songs')", "Gallery(ds, 'gone')", search, filtered], viewport=(1400, 1000))
    for index in range(LONG):
        opened.run(index)
    yield opened
    assert opened.errors == []


@pytest.fixture(params=["light", "dark"])
def theme(request, notebook):
    notebook.set_theme(request.param)
    yield request.param
    notebook.set_theme("light")


def test_sounds_and_films_that_play(notebook, theme):
    shown = gallery(notebook, SOUNDS)
    shown.locator('.dl-painted[data-row="0"]').wait_for()
    assert serious(shown) == []
    shown.locator('.dl-cell[data-row="0"]').click()
    dialog = shown.get_by_role("dialog")
    for name, (player, _) in KINDS.items():
        dialog.get_by_role("button", name=f"Load {name} and play it").click()
        dialog.locator(f'{player}[aria-label="{name}"]').wait_for()  # one by one: each is decoded as it comes
    notebook.screenshot(f"axe-players-{theme}")
    assert serious(shown) == []
    notebook.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_links_that_are_broken(notebook, theme):
    shown = gallery(notebook, LINKS)
    shown.get_by_text("cannot be read").first.wait_for()
    assert serious(shown) == []
    shown.locator('.dl-cell[data-row="1"]').click()
    dialog = shown.get_by_role("dialog")
    dialog.get_by_text("put it back there, or link the row to another file").wait_for()
    notebook.screenshot(f"axe-links-{theme}")
    assert serious(shown) == []
    notebook.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_what_a_search_finds(notebook, theme):
    output = notebook.output(SEARCH)
    gallery(notebook, SEARCH).get_by_text("a cup of coffee on a saucer").wait_for()
    output.locator(".deeplake-nb-summary table").wait_for()
    notebook.screenshot(f"axe-search-{theme}")
    assert serious(output) == []


def test_progress_with_its_button(notebook, theme, held):
    output = notebook.output(LONG)
    with held:
        notebook.start(LONG)
        output.locator("progress").wait_for()
        output.get_by_role("button", name="Cancel").wait_for()
        notebook.screenshot(f"axe-progress-{theme}")
        assert serious(output) == []
    notebook.page.wait_for_function("() => window.lakeRan")
    notebook.wait_idle()
