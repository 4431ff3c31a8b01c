"""The gallery as a person meets it: a real JupyterLab in a real browser, asserted on pixels."""

from __future__ import annotations

import time

import pytest

from tests.browser.gallery import BLUE, BOX, RED, at, gallery, go_to, near, pictures, tile
from tests.browser.notebook import pixel
from tests.browser.transcript import Transcript

PREPARE = f"""
%load_ext deeplake_nb
{pictures(40)}
# a million pictures, each of the colour that its row number is
rows = np.arange(1_000_000, dtype=">u4").view("uint8").reshape(-1, 4)[:, 1:]
million = deeplake.empty("mem://million", overwrite=True)
million.create_tensor("images", htype="image", sample_compression=None, dtype="uint8")
million.images.extend(np.broadcast_to(rows[:, None, None, :], (1_000_000, 2, 2, 3)))
"""


def colour_of(row):
    return (row >> 16, row >> 8 & 255, row & 255)


@pytest.fixture(scope="module")
def notebook(lab):
    opened = lab.open([PREPARE, "colours", "million", "time.sleep(6)"], viewport=(1280, 1000))
    opened.run_all()
    return opened


def test_pictures_boxes_and_classes_are_painted(notebook):
    shown = gallery(notebook, 1)
    first, second = tile(shown, 0), tile(shown, 1)
    assert near(at(first, 0.1, 0.1), RED)
    assert near(at(second, 0.1, 0.1), BLUE)
    assert near(at(first, 0.25, 0.5), BOX), "the left edge of the box, in the colour of its class"
    assert near(at(first, 0.5, 0.5), RED), "a box is not filled"
    assert second.locator(".dl-labels").inner_text() == "blue"
    assert first.get_attribute("aria-label") == "Row 0, red, 1 box, 96 by 96 pixels"


def test_large_tiles_are_asked_for_with_more_pixels(notebook):
    shown = gallery(notebook, 1)
    tile(shown, 0)
    heard = Transcript(notebook)
    shown.evaluate("(root) => { root.style.width = '480px'; }")
    shown.get_by_label("Tile size").fill("320")
    shown.page.wait_for_function(
        "(root) => root.querySelector('.dl-painted')?.offsetWidth > 400", arg=shown.element_handle()
    )
    assert near(at(tile(shown, 0), 0.1, 0.1), RED)
    shown.get_by_label("Tile size").fill("148")
    shown.evaluate("(root) => { root.style.width = ''; }")
    assert near(at(tile(shown, 1), 0.1, 0.1), BLUE)
    asked = [one["content"]["box"] for one in heard.messages() if one.get("content", {}).get("kind") == "tiles"]
    assert set(asked) == {512, 256}


def test_boxes_are_switched_off_and_on(notebook):
    shown = gallery(notebook, 1)
    first = tile(shown, 0)
    switch = shown.get_by_label("boxes")
    switch.uncheck()
    assert near(at(first, 0.25, 0.5), RED)
    switch.check()
    assert near(at(first, 0.25, 0.5), BOX)


def test_the_static_picture_gives_way_without_moving_the_page(notebook):
    gallery(notebook, 1)
    outputs = notebook.output(1).locator(".jp-OutputArea-child")
    assert outputs.count() == 3
    assert not outputs.nth(1).is_visible()
    assert outputs.nth(2).is_visible()
    assert outputs.nth(0).get_by_text("40 rows · 4 tensors").is_visible()


# Runs a cell again; how high it is in each frame from its three outputs on until a while after the gallery lives.
_HEIGHTS = """async (index) => {
    const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = index;
    const { node } = panel.content.widgets[index];
    const before = node.querySelector(".deeplake-nb");
    window.jupyterapp.commands.execute("notebook:run-cell");
    const heights = [];
    let end = performance.now() + 20000;
    let isLive = false;
    while (performance.now() < end) {
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
    assert len(heights) > 20
    assert max(heights) - min(heights) <= 8, sorted(set(heights))


# Watches shifts of the layout from the frame in which a cell has its three outputs, until a while after the first tiles
# are painted, and the viewer has been opened and closed. Those soon after a key or click are wanted, and do not count.
_SHIFTS = """async (index) => {
    const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = index;
    const { node } = panel.content.widgets[index];
    const pause = (ms) => new Promise((done) => setTimeout(done, ms));
    const until = async (is) => {
        for (let waited = 0; waited < 20000; waited += 20) {
            if (is()) return;
            await pause(20);
        }
        throw new Error(`not in 20 s: ${is}`);
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
    assert near(at(tile(shown, 7), 0.5, 0.5), colour_of(7), 0)
    go_to(shown, 900_000)
    assert at(tile(shown, 900_000), 0.5, 0.5) == colour_of(900_000)
    assert shown.locator('.dl-cell[data-row="900000"]').evaluate("(cell) => cell === document.activeElement")
    go_to(shown, 999_999)
    assert at(tile(shown, 999_999), 0.5, 0.5) == colour_of(999_999)


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
    assert at(tile(shown, 999_999), 0.5, 0.5) == colour_of(999_999)


def test_scrolling_a_million_rows_stays_smooth_and_asks_for_few_of_them(notebook):
    shown = gallery(notebook, 2)
    frames = shown.locator(".dl-scroll").evaluate(
        """(scroll) => new Promise((done) => {
            const frames = [];
            const start = performance.now();
            const step = (now) => {
                frames.push(now);
                scroll.scrollTop = (scroll.scrollHeight * (now - start)) / 4000;
                if (now - start < 2000) requestAnimationFrame(step);
                else done(frames);
            };
            requestAnimationFrame(step);
        })"""
    )
    pace = 1000 * (len(frames) - 1) / (frames[-1] - frames[0])
    print(f"scrolling 1,000,000 rows: {pace:.0f} frames/s")  # noqa: T201 - a measurement, not asserted
    assert len(frames) > 10
    assert shown.locator(".dl-cell").count() < 200, "cells are used again"
    row = int(shown.locator(".dl-cell:not([hidden])").first.get_attribute("data-row"))
    assert at(tile(shown, row), 0.5, 0.5) == colour_of(row)


def test_keys_move_and_open_and_leave_the_notebook_alone(notebook):
    shown = gallery(notebook, 1)
    cells = len(notebook)
    go_to(shown, 0)
    keys = notebook.page.keyboard
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowDown"):
        keys.press(key)
    columns = int(shown.locator(".dl-stage").get_attribute("aria-colcount"))
    focused = notebook.page.evaluate("document.activeElement.dataset.row")
    assert int(focused) == columns + 1
    keys.press("Enter")
    viewer = shown.get_by_role("dialog")
    viewer.get_by_text(f"caption of row {focused}", exact=True).wait_for()
    assert viewer.get_attribute("aria-label") == f"Row {focused} of 0\N{EN DASH}39"
    for key in ("a", "b", "d", "d", "x", "Shift+M"):  # shortcuts of the notebook's command mode
        keys.press(key)
    assert len(notebook) == cells
    keys.press("ArrowRight")
    viewer.get_by_text(f"caption of row {int(focused) + 1}", exact=True).wait_for()
    keys.press("Escape")
    viewer.wait_for(state="hidden")
    assert notebook.page.evaluate("document.activeElement.dataset.row") == str(int(focused) + 1)


def test_a_click_opens_a_sample_with_all_its_tensors(notebook):
    shown = gallery(notebook, 1)
    go_to(shown, 1)
    tile(shown, 1).click()
    viewer = shown.get_by_role("dialog")
    large = viewer.locator(".dl-large:not([hidden])")
    large.wait_for()
    width, height = large.evaluate("(canvas) => [canvas.width, canvas.height]")
    assert near(pixel(large, width // 2, height // 2)[:3], BLUE)
    names = viewer.locator(".dl-field h3").all_inner_texts()
    assert [name.split("\n")[0].split(" ")[0] for name in names] == ["images", "labels", "boxes", "captions"]
    assert viewer.locator("td").all_inner_texts() == ["blue", "0.25", "0.25", "0.75", "0.75"]
    viewer.get_by_label("Close (Escape)").click()


def test_the_theme_is_followed_when_it_is_switched(notebook):
    shown = gallery(notebook, 1)
    ground = "(root) => getComputedStyle(root).backgroundColor"
    light = shown.evaluate(ground)
    notebook.screenshot("gallery-light")
    notebook.set_theme("dark")
    dark = shown.evaluate(ground)
    notebook.screenshot("gallery-dark")
    notebook.set_theme("light")
    assert sum(map(int, light[4:-1].split(","))) > 700
    assert sum(map(int, dark[4:-1].split(","))) < 200
    assert shown.evaluate(ground) == light


def test_it_answers_while_a_cell_sleeps(notebook):
    shown = gallery(notebook, 2)
    go_to(shown, 0)
    tile(shown, 0)
    notebook.start(3)
    times = []
    for row in (123_456, 345_678, 567_890):
        begun = time.perf_counter()
        go_to(shown, row)
        assert at(tile(shown, row), 0.5, 0.5) == colour_of(row)
        times.append(time.perf_counter() - begun)
    assert notebook.is_running(3), "the cell slept all the while"
    print(f"a tile while a cell sleeps: {max(times) * 1000:.0f} ms at the most")  # noqa: T201
    assert max(times) < 3
    notebook.wait_idle()


def test_the_page_had_no_errors(notebook):
    assert notebook.errors == []
