"""The gallery as a person meets it: a real JupyterLab in a real browser, asserted on pixels."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from tests.browser.gallery import BLUE, BOX, RED, gallery, go_to, large, painted, pictures, tile
from tests.browser.transcript import Transcript
from tests.eventually import eventually

PREPARE = f"""
%load_ext deeplake_nb
{pictures(40)}
# a million pictures, each of the colour that its row number is
rows = np.arange(1_000_000, dtype=">u4").view("uint8").reshape(-1, 4)[:, 1:]
million = deeplake.empty("mem://million", overwrite=True)
million.create_tensor("images", htype="image", sample_compression=None, dtype="uint8")
million.images.extend(np.broadcast_to(rows[:, None, None, :], (1_000_000, 2, 2, 3)))
"""


def has_its_colour(shown, row):
    """Wait for a tile of the million, and for its very own colour."""
    painted(tile(shown, row), 0.5, 0.5, (row >> 16, row >> 8 & 255, row & 255), 0)


@pytest.fixture(scope="module")
def notebook(lab, held):
    opened = lab.open([PREPARE, "colours", "million", held.expression], viewport=(1280, 1000))
    opened.run_all()
    return opened


def test_pictures_boxes_and_classes_are_painted(notebook):
    shown = gallery(notebook, 1)
    first, second = tile(shown, 0), tile(shown, 1)
    painted(first, 0.1, 0.1, RED)
    painted(second, 0.1, 0.1, BLUE)
    painted(first, 0.25, 0.5, BOX)  # the left edge of the box, in the colour of its class
    painted(first, 0.5, 0.5, RED)  # a box is not filled
    expect(second.locator(".dl-labels")).to_have_text("blue")
    expect(first).to_have_attribute("aria-label", "Row 0, red, 1 box, 96 by 96 pixels")


def test_large_tiles_are_asked_for_with_more_pixels(notebook):
    shown = gallery(notebook, 1)
    tile(shown, 0)
    heard = Transcript(notebook)
    shown.evaluate("(root) => { root.style.width = '480px'; }")
    shown.get_by_label("Tile size").fill("320")
    shown.page.wait_for_function(
        "(root) => root.querySelector('.dl-painted')?.offsetWidth > 400", arg=shown.element_handle()
    )
    painted(tile(shown, 0), 0.1, 0.1, RED)
    eventually(lambda: boxes(heard), {512})
    shown.get_by_label("Tile size").fill("148")
    shown.evaluate("(root) => { root.style.width = ''; }")
    eventually(lambda: boxes(heard), {512, 256})
    painted(tile(shown, 1), 0.1, 0.1, BLUE)


def boxes(heard):
    """In how many pixels tiles were asked for."""
    return {one["content"]["box"] for one in heard.messages() if one.get("content", {}).get("kind") == "tiles"}


def test_boxes_are_switched_off_and_on(notebook):
    shown = gallery(notebook, 1)
    first = tile(shown, 0)
    switch = shown.get_by_label("boxes")
    switch.uncheck()
    painted(first, 0.25, 0.5, RED)
    switch.check()
    painted(first, 0.25, 0.5, BOX)


def test_the_static_picture_gives_way_without_moving_the_page(notebook):
    gallery(notebook, 1)
    outputs = notebook.output(1).locator(".jp-OutputArea-child")
    expect(outputs).to_have_count(3)
    expect(outputs.nth(1)).to_be_hidden()
    expect(outputs.nth(2)).to_be_visible()
    expect(outputs.nth(0).get_by_text("40 rows · 4 tensors")).to_be_visible()


# Runs a cell again; how high it is in each frame from its three outputs on until a while after the gallery lives.
_HEIGHTS = """async (index) => {
    const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = index;
    const { node } = panel.content.widgets[index];
    const before = node.querySelector(".deeplake-nb");
    window.jupyterapp.commands.execute("notebook:run-cell");
    const heights = [];
    let end = performance.now() + 60000;
    let isLive = false;
    while (performance.now() < end || (isLive && heights.length < 30)) {
        await new Promise(requestAnimationFrame);
        const gallery = node.querySelector(".deeplake-nb");
        if (gallery === null || gallery === before) continue;
        if (!isLive && !gallery.hidden) {
            isLive = true;
            end = performance.now() + 1500;
        }
        heights.push(node.offsetHeight);
    }
    return isLive ? heights : [];
}"""


def test_nothing_below_moves_when_the_gallery_takes_the_place_of_the_picture(notebook):
    heights = notebook.page.evaluate(_HEIGHTS, 1)
    assert heights, "it never lived"
    assert max(heights) - min(heights) <= 8, sorted(set(heights))


# Watches shifts of the layout from the frame in which a cell has its three outputs, until a while after the first tiles
# are painted, and the viewer has been opened and closed. Those soon after a key or click are wanted, and do not count.
_SHIFTS = """async (index) => {
    const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = index;
    const { node } = panel.content.widgets[index];
    const pause = (ms) => new Promise((done) => setTimeout(done, ms));
    const until = async (is) => {
        for (let waited = 0; waited < 60000; waited += 20) {
            if (is()) return;
            await pause(20);
        }
        throw new Error(`not in 60 s: ${is}`);
    };
    await pause(600);
    const shifts = [];
    const watch = new PerformanceObserver((list) => {
        for (const one of list.getEntries()) {
            const sources = one.sources.map(({ node, previousRect, currentRect }) =>
                `${node?.className ?? node?.nodeName}: ${JSON.stringify(previousRect)} ${JSON.stringify(currentRect)}`);
            if (!one.hadRecentInput) shifts.push([one.value, sources.join("; ")]);
        }
    });
    watch.observe({ type: "layout-shift" });
    window.jupyterapp.commands.execute("notebook:run-cell");
    const gallery = () => node.querySelector(".deeplake-nb");
    while (node.querySelectorAll(".jp-OutputArea-child").length < 3) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame); // what is below has made room: JupyterLab's doing, for any output
    shifts.length = 0;
    watch.takeRecords();
    await until(() => gallery()?.querySelectorAll(".dl-painted").length > 11);
    await pause(1000);
    gallery().querySelector(".dl-painted").click();
    await until(() => gallery().querySelector(".dl-viewer .dl-field"));
    await pause(500);
    gallery().querySelector(".dl-viewer [aria-label^=Close]").click();
    await pause(500);
    watch.disconnect();
    return shifts;
}"""


@pytest.mark.parametrize("source", ["colours", "million"])
def test_the_layout_does_not_shift_from_the_output_to_the_viewer(notebook, source):
    index = notebook.append(source)
    notebook.cell(index).scroll_into_view_if_needed()
    shifts = notebook.page.evaluate(_SHIFTS, index)
    total = sum(value for value, _ in shifts)
    print(f"layout shift of {source}: {total:.5f}")  # noqa: T201 - a measurement
    assert total <= 0.01, shifts


def test_a_row_near_the_end_of_a_million_is_shown(notebook):
    shown = gallery(notebook, 2)
    has_its_colour(shown, 7)
    go_to(shown, 900_000)
    has_its_colour(shown, 900_000)
    expect(shown.locator('.dl-cell[data-row="900000"]')).to_be_focused()
    go_to(shown, 999_999)
    has_its_colour(shown, 999_999)


def test_the_wheel_and_the_scroll_bar_reach_everything(notebook):
    shown = gallery(notebook, 2)
    go_to(shown, 0)
    tile(shown, 0).hover()
    notebook.page.mouse.wheel(0, 1000)
    notebook.page.wait_for_function(
        "(scroll) => Number(scroll.querySelector('.dl-cell:not([hidden])').dataset.row) > 0",
        arg=shown.locator(".dl-scroll").element_handle(),
    )
    rows = shown.locator(".dl-cell:not([hidden])").evaluate_all("(cells) => cells.map((cell) => +cell.dataset.row)")
    assert 0 < min(rows) < 60, "a turn of the wheel moves by pixels, not by a share of a million rows"
    shown.locator(".dl-scroll").evaluate("(scroll) => { scroll.scrollTop = scroll.scrollHeight; }")
    has_its_colour(shown, 999_999)


def test_scrolling_a_million_rows_stays_smooth_and_asks_for_few_of_them(notebook):
    shown = gallery(notebook, 2)
    frames = shown.locator(".dl-scroll").evaluate(
        """(scroll) => new Promise((done) => {
            const frames = [];
            const step = (now) => {
                frames.push(now);
                scroll.scrollTop = (scroll.scrollHeight * frames.length) / 240;
                if (frames.length < 120) requestAnimationFrame(step);
                else done(frames);
            };
            requestAnimationFrame(step);
        })"""
    )
    pace = 1000 * (len(frames) - 1) / (frames[-1] - frames[0])
    print(f"scrolling 1,000,000 rows: {pace:.0f} frames/s")  # noqa: T201 - a measurement, not asserted
    assert shown.locator(".dl-cell").count() < 200, "cells are used again"
    in_sight = shown.locator(".dl-cell:not([hidden])").first
    row = eventually(lambda: int(in_sight.get_attribute("data-row")), lambda row: row > 400_000)
    has_its_colour(shown, row)


def test_keys_move_and_open_and_leave_the_notebook_alone(notebook):
    shown = gallery(notebook, 1)
    cells = len(notebook)
    go_to(shown, 0)
    keys = notebook.page.keyboard
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowDown"):
        keys.press(key)
    focused = int(shown.locator(".dl-stage").get_attribute("aria-colcount")) + 1
    expect(shown.locator(f'.dl-cell[data-row="{focused}"]')).to_be_focused()
    keys.press("Enter")
    viewer = shown.get_by_role("dialog")
    viewer.get_by_text(f"caption of row {focused}", exact=True).wait_for()
    expect(viewer).to_have_attribute("aria-label", f"Row {focused} of 0\N{EN DASH}39")
    for key in ("a", "b", "d", "d", "x", "Shift+M"):  # shortcuts of the notebook's command mode
        keys.press(key)
    keys.press("ArrowRight")
    viewer.get_by_text(f"caption of row {focused + 1}", exact=True).wait_for()
    assert len(notebook) == cells
    keys.press("Escape")
    viewer.wait_for(state="hidden")
    expect(shown.locator(f'.dl-cell[data-row="{focused + 1}"]')).to_be_focused()


def test_a_click_opens_a_sample_with_all_its_tensors(notebook):
    shown = gallery(notebook, 1)
    go_to(shown, 1)
    tile(shown, 1).click()
    viewer = shown.get_by_role("dialog")
    large(viewer, BLUE)
    expect(viewer.locator("td")).to_have_text(["blue", "0.25", "0.25", "0.75", "0.75"])
    names = viewer.locator(".dl-field h3").all_inner_texts()
    assert [name.split("\n")[0].split(" ")[0] for name in names] == ["images", "labels", "boxes", "captions"]
    viewer.get_by_label("Close (Escape)").click()


def test_the_theme_is_followed_when_it_is_switched(notebook):
    shown = gallery(notebook, 1)

    def ground():
        return sum(map(int, shown.evaluate("(root) => getComputedStyle(root).backgroundColor")[4:-1].split(",")))

    light = eventually(ground, lambda ground: ground > 700)
    notebook.screenshot("gallery-light")
    notebook.set_theme("dark")
    eventually(ground, lambda ground: ground < 200)
    notebook.screenshot("gallery-dark")
    notebook.set_theme("light")
    eventually(ground, light)


def test_it_answers_while_a_cell_sleeps(notebook, held):
    shown = gallery(notebook, 2)
    go_to(shown, 0)
    tile(shown, 0)
    times = []
    with held:
        notebook.start(3)
        for row in (123_456, 345_678, 567_890):
            begun = time.perf_counter()
            go_to(shown, row)
            has_its_colour(shown, row)
            times.append(time.perf_counter() - begun)
        assert notebook.is_running(3), "the cell slept all the while"
    print(f"a tile while a cell sleeps: {max(times) * 1000:.0f} ms at the most")  # noqa: T201 - a measurement
    notebook.wait_idle()


def test_the_page_had_no_errors(notebook):
    assert notebook.errors == []
