"""Ten million rows, a slow storage, and two fingers: what is asked of the kernel, and what no more."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from playwright.sync_api import expect

import deeplake_nb as deeplake
from tests.browser.gallery import gallery, go_to
from tests.browser.test_gallery_messages import open_requests
from tests.browser.test_gallery_viewer import leave, settled, zoom
from tests.browser.transcript import Transcript
from tests.eventually import eventually
from tests.fakes.web import web_server
from tests.widgets.conftest import BLUE, RED, file

ROWS = 10_000_000

PREPARE = f"""
%load_ext deeplake_nb
import numpy as np
import deeplake_nb as deeplake
from deeplake_nb.widgets.gallery import Gallery
many = deeplake.empty("mem://many", overwrite=True)
many.create_tensor("numbers", dtype="uint32")
many.numbers.extend(np.arange({ROWS}, dtype="uint32"))
"""


@pytest.fixture(scope="module")
def slow_web(tmp_path_factory):
    """A dataset of 400 rows in small chunks, on a web server that sends them while ``goes_on`` is set."""
    folder = tmp_path_factory.mktemp("slow") / "ds"
    ds = deeplake.empty(str(folder))
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png", max_chunk_size=4096)
        ds.images.extend([file((RED, BLUE)[row % 2], 24 + row % 7, 24) for row in range(400)])
    with web_server() as web:
        web.files = {
            f"ds/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }
        answer = web.answer
        web.goes_on = threading.Event()
        web.goes_on.set()

        def late(handler):
            if "/images/chunks/" in handler.path:
                web.goes_on.wait(120)
            answer(handler)

        web.answer = late
        yield web


@pytest.fixture(scope="module")
def notebook(lab, slow_web):
    load = f"deeplake.load({slow_web.endpoint + '/ds'!r}, read_only=True)"
    opened = lab.open([PREPARE, "many", f"far = Gallery({load})\nfar"], viewport=(1280, 1000))
    opened.run_all()
    return opened


def numbers(shown):
    """Row and words of each tile that is there."""
    return shown.locator(".dl-cell:not([hidden])[aria-busy=false]").evaluate_all(
        "(cells) => cells.map((cell) => [Number(cell.dataset.row), cell.querySelector('.dl-words').textContent])"
    )


def shows_last(shown):
    shown.locator(f'.dl-cell[data-row="{ROWS - 1}"][aria-busy=false]').wait_for()
    found = numbers(shown)
    assert [str([row]) for row, _ in found] == [words for _, words in found], "each tile shows its own row"
    assert max(row for row, _ in found) == ROWS - 1


def test_the_last_of_ten_million_rows_is_reached_by_the_end_key_and_the_first_by_home(notebook):
    shown = gallery(notebook, 1)
    expect(shown.get_by_text("10,000,000 rows")).to_be_visible()
    shown.locator('.dl-cell[data-row="0"]').focus()
    notebook.page.keyboard.press("Control+End")
    shows_last(shown)
    expect(shown.locator(f'.dl-cell[data-row="{ROWS - 1}"]')).to_be_focused()
    notebook.page.keyboard.press("Control+Home")
    shown.locator('.dl-cell[data-row="0"][aria-busy=false]').wait_for()


def test_the_last_of_ten_million_rows_is_reached_by_the_scroll_bar_and_by_the_wheel(notebook):
    shown = gallery(notebook, 1)
    scroll = shown.locator(".dl-scroll")
    go_to(shown, 0)
    scroll.evaluate("(scroll) => { scroll.scrollTop = scroll.scrollHeight; }")
    shows_last(shown)
    go_to(shown, ROWS - 200)
    shown.locator(f'.dl-cell[data-row="{ROWS - 200}"]').hover()
    for _ in range(30):
        notebook.page.mouse.wheel(0, 400)
    shows_last(shown)


def test_any_row_of_ten_million_is_the_one_that_was_asked_for(notebook):
    shown = gallery(notebook, 1)
    for row in np.random.default_rng(0).integers(0, ROWS, 5).tolist():
        go_to(shown, row)
        shown.locator(f'.dl-cell[data-row="{row}"][aria-busy=false]').wait_for()
        assert [row, f"[{row}]"] in numbers(shown)


def asked_about(heard, rows):
    """The numbers of the requests for tiles of these rows."""
    asked = [one["content"] for one in heard.messages() if one.get("content", {}).get("kind") == "tiles"]
    return {one["id"] for one in asked if set(one["rows"]) & set(rows)}


def ids(heard, kind):
    return {one["content"]["id"] for one in heard.messages() if one.get("content", {}).get("kind") == kind}


def test_what_is_scrolled_away_is_cancelled_and_not_read(notebook, slow_web):
    shown = gallery(notebook, 2)
    shown.locator(".dl-painted").first.wait_for()
    heard = Transcript(notebook)
    slow_web.goes_on.clear()
    go_to(shown, 200)
    left = eventually(lambda: asked_about(heard, range(195, 215)))
    go_to(shown, 380)
    eventually(lambda: left <= ids(heard, "cancel"))
    wanted = "set(far._dispatcher._under_way)"
    eventually(lambda: notebook.ask(f"{wanted} & {left}"), "set()")  # the kernel has heard it
    slow_web.goes_on.set()
    shown.locator('.dl-painted[data-row="380"]').wait_for()
    eventually(lambda: open_requests(heard.messages()), set())
    answered = ids(heard, "tiles.ok")
    assert asked_about(heard, range(370, 390)) <= answered
    assert not left & answered, "nobody is sent what nobody waits for"


def test_flying_over_rows_asks_for_few_of_them(notebook):
    shown = gallery(notebook, 1)
    go_to(shown, 0)
    shown.locator('.dl-cell[data-row="0"][aria-busy=false]').wait_for()
    heard = Transcript(notebook)
    rests = shown.locator(".dl-scroll").evaluate(
        """(scroll) => new Promise((done) => {
            const begun = performance.now();
            let rests = 0;
            let last = begun;
            const step = (now) => {
                rests += now - last > 80;
                last = now;
                scroll.scrollTop = (scroll.scrollHeight * (now - begun)) / 2000;
                if (now - begun < 1000) requestAnimationFrame(step);
                else done(rests);
            };
            requestAnimationFrame(step);
        })"""
    )
    half = shown.locator(".dl-cell:not([hidden])[aria-busy=false]").first
    eventually(lambda: int(half.get_attribute("data-row")), lambda row: row > 4_000_000)
    rows = sum(len(one.get("content", {}).get("rows", ())) for one in heard.messages() if one["from"] == "page")
    assert rows < 500 + 200 * rests, "of five million that passed, but where the page itself was slow"


def test_two_fingers_zoom_where_they_are(notebook):
    shown = gallery(notebook, 2)
    go_to(shown, 0)
    shown.locator('.dl-painted[data-row="0"]').click()
    dialog = shown.get_by_role("dialog")
    stage = dialog.locator(".dl-frame").first
    canvas = dialog.locator(".dl-large:not([hidden])").first
    settled(canvas)
    first = zoom(stage)
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers = notebook.page.context.new_cdp_session(notebook.page)

    def touch(kind, apart=None):
        points = [] if apart is None else [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 20)
    for apart in range(22, 62, 2):
        touch("touchMove", apart)
    touch("touchEnd")
    eventually(lambda: zoom(stage), pytest.approx(3 * first, rel=0.15))
    touch("touchStart", 60)
    for apart in range(58, 18, -2):
        touch("touchMove", apart)
    touch("touchEnd")
    eventually(lambda: zoom(stage), pytest.approx(first, rel=0.15))
    assert notebook.page.evaluate("window.visualViewport.scale") == 1, "the page itself is not zoomed"
    leave(dialog)


def test_the_page_had_no_errors(notebook):
    assert notebook.errors == []
