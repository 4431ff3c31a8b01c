"""Sound and film are played, code is copied and run, a busy kernel says so, and the numbers that are promised."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

import deeplake_nb as deeplake
from tests.browser.gallery import at, gallery, near, painted
from tests.browser.test_gallery_viewer import count, leave, open_filters
from tests.eventually import eventually
from tests.widgets.conftest import BLUE, RED, file, film, song, tone

_FILES = {
    "wavs": ("audio", "wav", tone),
    "songs": ("audio", "mp3", lambda: song("mp3", "libmp3lame")),
    "flacs": ("audio", "flac", lambda: song("flac", "flac")),
    "films": ("video", "mp4", film),
}


@pytest.fixture(scope="module")
def notebook(lab, held):
    ds = deeplake.empty(str(lab.root / "kinds"))
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png")
        ds.create_tensor("labels", htype="class_label", class_names=["red", "blue"])
        ds.create_tensor("numbers", dtype="int64")
        for name, (htype, kind, _) in _FILES.items():
            ds.create_tensor(name, htype=htype, sample_compression=kind)
        files = {name: deeplake.Sample(make()) for name, (_, _, make) in _FILES.items()}
        for row in range(60):
            ds.append({"images": file((RED, BLUE)[row % 2]), "labels": row % 2, "numbers": np.array([row]), **files})
    load = "%load_ext deeplake_nb\nimport time\nimport deeplake_nb as deeplake\n"
    load += "from deeplake_nb.widgets.gallery import Gallery\nds = deeplake.load('kinds', read_only=True)\n"
    load += "shown = Gallery(ds)"
    opened = lab.open([load, "shown", "", held.expression, "ds"], viewport=(1500, 1000))
    opened.run(0)
    opened.run(1)
    return opened


@pytest.fixture
def shown(notebook):
    found = gallery(notebook, 1)
    notebook.edit(2, 'shown.view = {}; shown.selection = []; shown.tensor = "images"')
    notebook.run(2)
    count(found, "60 rows")
    expect(found.get_by_label("Tensor shown")).to_have_value("images")
    expect(found.locator('.dl-cell[aria-selected="true"]')).to_have_count(0)
    painted(found.locator('.dl-painted[data-row="0"]'), 0.5, 0.5, RED)
    return found


LAYERS = """
import numpy as np
street = deeplake.empty("mem://street", overwrite=True)
with street:
    street.create_tensor("image", htype="image", sample_compression=None, dtype="uint8")
    street.image.append(np.full((96, 96, 3), 40, "uint8"))
    for left, thing in ((0, "car"), (48, "person")):
        mask = np.zeros((96, 96, 1), bool)
        mask[:48, left : left + 48] = True
        street.create_tensor(f"{thing}_labels", htype="class_label", class_names=[f"{thing} {n}" for n in range(6)])
        street[f"{thing}_labels"].append(2 if left else 4)
        street.create_tensor(f"{thing}_boxes", htype="bbox", coords={"type": "pixel", "mode": "LTRB"})
        street[f"{thing}_boxes"].append(np.array([[left + 8, 56, left + 40, 88]], "float32"))
        street.create_tensor(f"{thing}_masks", htype="binary_mask", sample_compression="lz4").append(mask)
street
"""
FIFTH, THIRD = (0xC8, 0xA6, 0xFF), (0xFF, 0x8F, 0xA3)  # colours of the palette


def test_all_masks_and_boxes_of_a_picture_are_painted_in_the_colours_of_their_own_classes(notebook):
    index = notebook.append(LAYERS)
    notebook.run(index)
    street = gallery(notebook, index)
    cell = street.locator('.dl-painted[data-row="0"]')
    cell.wait_for()
    street.get_by_label("Opacity of masks").fill("100")
    painted(cell, 0.2, 0.1, FIFTH)
    painted(cell, 0.8, 0.1, THIRD)
    painted(cell, 40 / 96, 0.75, FIFTH, 12)  # the right edge of the car's box
    painted(cell, 88 / 96, 0.75, THIRD, 12)  # and of the person's
    street.get_by_role("checkbox", name="masks").uncheck()
    street.get_by_role("checkbox", name="boxes").uncheck()
    for x, y in ((0.2, 0.1), (0.8, 0.1), (40 / 96, 0.75)):
        painted(cell, x, y, (40, 40, 40))
    street.get_by_role("checkbox", name="masks").check()
    street.get_by_role("checkbox", name="boxes").check()
    expect(cell).to_have_attribute("aria-label", "Row 0, car 4, person 2, 2 boxes, with a mask, 96 by 96 pixels")
    street.get_by_label("Opacity of masks").fill("50")
    cell.click()
    dialog = street.get_by_role("dialog")
    dialog.locator("td", has_text="person 2").wait_for()
    notebook.screenshot("layers")
    leave(dialog)


@pytest.mark.parametrize("name", list(_FILES))
def test_stored_files_are_played(notebook, shown, name):
    shown.locator('.dl-cell[data-row="0"]').click()
    dialog = shown.get_by_role("dialog")
    dialog.get_by_role("button", name=f"Load {name} and play it").click()
    player = dialog.locator("video" if name == "films" else "audio")
    player.wait_for()
    is_played(player, 1.0 if name == "films" else 0.5)
    notebook.screenshot(f"player-{name}")
    leave(dialog)


def is_played(player, seconds):
    """Wait until a film or sound of so many seconds plays."""
    eventually(lambda: player.evaluate("(player) => player.duration"), pytest.approx(seconds, abs=0.15))
    player.evaluate("(player) => { player.muted = true; return player.play(); }")
    eventually(lambda: player.evaluate("(player) => player.currentTime"), lambda seconds: seconds > 0.05)


@pytest.mark.parametrize("name", ["wavs", "songs", "flacs"])
def test_the_tile_of_a_sound_is_its_waveform_and_so_is_its_field(notebook, shown, name):
    shown.get_by_label("Tensor shown").select_option(name)
    cell = shown.locator('.dl-painted[data-row="0"]')
    cell.wait_for()
    painted(cell, 0.3, 0.44, (0x2F, 0x8F, 0xD8), 30)  # above the middle
    painted(cell, 0.3, 0.4, (0x2F, 0x8F, 0xD8), 30)  # loud, above the middle
    assert not near(at(cell, 0.3, 0.2), (0x2F, 0x8F, 0xD8), 60), "as wide as the tile, and less high"
    expect(cell).to_have_attribute("aria-label", re.compile("^Row 0, sound, "))
    cell.click()
    dialog = shown.get_by_role("dialog")
    dialog.locator(".dl-large:not([hidden])").first.wait_for()
    other = "flacs" if name == "wavs" else "wavs"
    thumbnail = dialog.get_by_alt_text(f"{other} of this row")
    eventually(lambda: thumbnail.evaluate("(image) => image.naturalWidth"), 240)
    for theme in ("dark", "light"):
        notebook.set_theme(theme)
        notebook.page.locator("#jupyterlab-splash").wait_for(state="hidden")
        notebook.screenshot(f"waveform-{name}-{theme}")
    leave(dialog)
    shown.get_by_label("Tensor shown").select_option("images")


def shows_films(shown):
    """Choose the films, and wait for the first frame of one."""
    shown.get_by_label("Tensor shown").select_option("films")
    cell = shown.locator('.dl-painted[data-row="0"]')
    expect(cell).to_have_attribute("aria-label", re.compile(", 64 by 48 pixels$"))  # the images are larger
    painted(cell, 0.5, 0.5, RED, 14)


def test_the_tile_of_a_film_is_its_first_frame(shown):
    shows_films(shown)


def copied(notebook, shown):
    """The code that the page shows, run in the kernel: the numbers of the rows it gives."""
    shown.get_by_role("button", name="Copy as code").click()
    text = shown.get_by_label("Python for the rows shown")
    expect(text).to_have_value(re.compile(r"load\("))
    *lines, last = text.input_value().splitlines()
    shown.get_by_role("button", name="Close the code").click()
    text.evaluate("(text) => { text.value = ''; }")
    notebook.edit(2, "\n".join([*lines, f"print(({last}).numbers.numpy().ravel().tolist())"]))
    notebook.run(2)
    return [int(number) for number in notebook.text(2).strip()[1:-1].split(",")]


def seen(shown, count):
    """The numbers under the tiles that are there, in order, once there are so many."""
    expect(shown.locator(".dl-painted")).to_have_count(count)
    cells = shown.locator(".dl-painted").evaluate_all(
        "(cells) => cells.map((cell) => [Number(cell.dataset.row), cell.querySelector('.dl-number').textContent])"
    )
    return [int(number) for _, number in sorted(cells)]


def test_copied_code_gives_what_is_seen(notebook, shown):
    open_filters(shown)
    shown.get_by_label("Filter", exact=True).fill('labels == "blue" and row > 30')
    shown.get_by_label("Sort by").fill("numbers")
    shown.get_by_label("descending").check()
    shown.get_by_label("Random sample of").fill("5")
    shown.get_by_role("button", name="show", exact=True).click()
    count(shown, "5 of 60 rows")
    rows = seen(shown, 5)
    assert copied(notebook, shown) == rows == sorted(rows, reverse=True)
    shown.locator('.dl-cell[data-row="3"]').click(modifiers=["Control"])
    shown.locator('.dl-cell[data-row="1"]').click(modifiers=["Control"])
    shown.get_by_role("button", name="Select nothing").get_by_text("2 selected").wait_for()
    assert copied(notebook, shown) == [rows[3], rows[1]]


def test_a_kernel_without_subshells_is_said_to_be_busy_and_catches_up(notebook, shown, held):
    kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    assert notebook.page.evaluate(f"{kernel}.commsOverSubshells !== undefined")
    before = notebook.page.evaluate(f"{kernel}.commsOverSubshells")
    notebook.page.evaluate(f"{kernel}.commsOverSubshells = 'disabled'")
    expect(shown.locator(".dl-loading")).to_have_count(0)  # what was asked of a subshell has come
    with held:
        notebook.start(3)
        shown.get_by_label("Tensor shown").select_option("films")
        badge = shown.get_by_text("kernel busy")
        badge.wait_for()
        notebook.screenshot("gallery-busy")
        assert notebook.is_running(3)
        expect(shown.locator(".dl-painted")).to_have_count(0)
    notebook.wait_idle()
    shown.locator('.dl-painted[data-row="0"]').wait_for()
    badge.wait_for(state="hidden")
    notebook.page.evaluate(f"(mode) => {{ {kernel}.commsOverSubshells = mode; }}", before)


_PAINTED = """async (index) => {
    const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = index;
    const { node } = panel.content.widgets[index];
    const begun = performance.now();
    window.jupyterapp.commands.execute("notebook:run-cell");
    while (node.querySelectorAll(".dl-painted").length < 12) {
        await new Promise(requestAnimationFrame);
        if (performance.now() - begun > 30000) throw new Error("nothing was painted in 30 s");
    }
}"""
# Frames in two seconds, of a page that rests and of one that scrolls through all that there is.
_FRAMES = """async (scroll) => {
    const counted = async (each) => {
        let frames = 0;
        const begun = performance.now();
        for (let now = begun; now - begun < 2000; frames += 1) {
            each((now - begun) / 2000);
            now = await new Promise(requestAnimationFrame);
        }
        return frames;
    };
    const resting = await counted(() => {});
    return [resting, await counted((share) => { scroll.scrollTop = share * scroll.scrollHeight; })];
}"""


def test_first_tiles_come_soon_and_the_page_stays_small(notebook):
    """Loose bounds, for any machine and whatever else it does: the benchmarks measure."""
    notebook.page.evaluate(_PAINTED, 4)
    resting, scrolling = gallery(notebook, 4).locator(".dl-scroll").evaluate(_FRAMES)
    assert scrolling > resting / 4
    session = notebook.page.context.new_cdp_session(notebook.page)
    session.send("HeapProfiler.collectGarbage")
    assert session.send("Runtime.getHeapUsage")["usedSize"] < 150e6


def test_films_are_read_while_a_cell_sleeps(notebook, shown, held):
    with held:
        notebook.start(3)
        shows_films(shown)
        assert notebook.is_running(3)
    notebook.wait_idle()


def test_the_page_had_no_errors(notebook):
    assert notebook.errors == []
