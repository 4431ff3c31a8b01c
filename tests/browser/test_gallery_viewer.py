"""Filters, selection and the viewer as a person meets them: a real JupyterLab in a real browser, on pixels."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.gallery import at, gallery, near, painted, tile
from tests.browser.notebook import pixel
from tests.eventually import eventually
from tests.suites.notebook import is_themed
from tests.test_js import JS, node_modules  # noqa: F401 - a fixture: axe comes with the front end's own tools

PREPARE = """
%load_ext deeplake_nb
import io, pathlib, tempfile, wave
import numpy as np
from PIL import Image
import deeplake_nb as deeplake
from deeplake_nb.widgets.gallery import Gallery

def file(color, size=(96, 96)):
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "png")
    return deeplake.Sample(out.getvalue())

sound = io.BytesIO()
with wave.open(sound, "wb") as out:
    out.setnchannels(1); out.setsampwidth(2); out.setframerate(8000)
    out.writeframes((np.sin(np.arange(4000) / 5) * 9000).astype("<i2").tobytes())
tone = sound.getvalue()

folder = pathlib.Path(tempfile.mkdtemp())
many = deeplake.empty("mem://kinds", overwrite=True)
with many:
    many.create_tensor("images", htype="image", sample_compression="png")
    many.create_tensor("labels", htype="class_label", class_names=["red", "green", "blue"])
    many.create_tensor("masks", htype="segment_mask", sample_compression="lz4", class_names=["nothing", "road"])
    many.create_tensor("outlines", htype="polygon")
    many.create_tensor("depth", htype="image", sample_compression="png", dtype="uint16")
    many.create_tensor("clips", htype="sequence[image]", sample_compression="png")
    many.create_tensor("vectors", htype="embedding")
    many.create_tensor("sounds", htype="audio", sample_compression="wav")
    many.create_tensor("captions", htype="text")
    many.create_tensor("linked", htype="link[image]", sample_compression="png", verify=False)
    for index in range(30):
        color = [(220, 20, 30), (20, 200, 40), (10, 60, 200)][index % 3]
        mask = np.zeros((96, 96), "uint32")
        mask[:48, :48] = 1
        depth = np.full((1600, 2400), 1000, "uint16")
        depth[800:, 1200:] = 3000
        depth[800, 1200] = 41235
        path = folder / f"{index}.png"
        if index != 4:
            path.write_bytes(bytes(file(color).buffer))
        many.append({
            "images": file(color), "labels": index % 3, "masks": mask,
            "outlines": [np.array([[60, 60], [90, 60], [90, 90], [60, 90]], "float32")],
            "depth": depth if index == 0 else depth[::100, ::100],
            "clips": [file(color), file((250, 250, 0))][: 1 + index % 2],
            "vectors": np.linspace(-1, 1, 256).astype("float32"),
            "sounds": deeplake.Sample(tone),
            "captions": f"caption {index}", "linked": deeplake.link(str(path)),
        })
many = deeplake.load("mem://kinds", read_only=True)
"""
SHOW = "shown = Gallery(many); shown"
RED, BLUE = (220, 20, 30), (10, 60, 200)


@pytest.fixture(scope="module")
def notebook(lab):
    opened = lab.open([PREPARE, SHOW, ""], viewport=(1500, 1000))
    opened.run_all()
    return opened


@pytest.fixture
def shown(notebook):
    """The gallery, as it was at first."""
    notebook.edit(2, 'shown.view = {}; shown.selection = []; shown.tensor = "images"')
    notebook.run(2)
    found = gallery(notebook, 1)
    if found.get_by_role("dialog").is_visible():
        found.get_by_label("Close (Escape)").click()
    count(found, "30 rows")
    expect(found.get_by_label("Tensor shown")).to_have_value("images")
    expect(found.locator('.dl-cell[aria-selected="true"]')).to_have_count(0)
    painted(tile(found, 0), 0.9, 0.1, RED)
    return found


def python(notebook, code):
    """What the kernel says of an expression."""
    notebook.edit(2, f"print({code})")
    notebook.run(2)
    return notebook.text(2).strip()


def numbers(shown):
    """Of the rows in sight."""
    return shown.locator(".dl-cell:not([hidden]) .dl-number")


def open_filters(shown):
    toggle = shown.get_by_role("button", name="Filter, sort and sample rows")
    if toggle.get_attribute("aria-expanded") == "false":
        toggle.click()


def filter_by(shown, text):
    open_filters(shown)
    field = shown.get_by_label("Filter", exact=True)
    field.fill(text)
    field.press("Enter")


def count(shown, words):
    expect(shown.locator(".dl-toolbar .dl-title")).to_have_text(words)


def leave(dialog):
    dialog.press("Escape")  # the page may have taken the focus, as where its theme was switched
    dialog.wait_for(state="hidden")


def zoom(stage):
    return float(stage.get_attribute("data-zoom"))


# The reds of a line near the lower edge of a canvas.
_LOWEST = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, canvas.height - 5, canvas.width, 1);
    return Array.from(data).filter((_, index) => index % 4 === 0);
}"""
_HAS_WHITE = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Uint32Array(data.buffer).includes(0xffffffff);
}"""


def settled(element):
    """Wait until an element stays where it is, and as large: what is around it has come."""

    def is_still():
        before = element.bounding_box()
        element.page.wait_for_timeout(100)
        return before is not None and element.bounding_box() == before

    eventually(is_still)


def view(shown, tensor, row=0):
    shown.get_by_label("Tensor shown").select_option(tensor)
    tile(shown, row).click()
    dialog = shown.get_by_role("dialog")
    dialog.locator(".dl-large:not([hidden])").first.wait_for()
    dialog.locator(".dl-field").first.wait_for()
    return dialog


def test_masks_and_outlines_are_painted_and_the_slider_changes_how_much(shown):
    first = tile(shown, 0)
    eventually(lambda: at(first, 0.1, 0.1), lambda masked: not near(masked, RED, 40))  # half a mask over red
    painted(first, 0.9, 0.1, RED)
    painted(first, 75 / 96, 0.8, (184, 65, 80), 12)  # a quarter of an outline's colour inside of it
    edge = [at(first, (59 + step / 4) / 96, 0.8) for step in range(9)]
    assert any(red < 120 < blue for red, _, blue in edge), "the left edge of the outline"
    shown.get_by_label("Opacity of masks").fill("0")
    painted(first, 0.1, 0.1, RED)
    shown.get_by_label("Opacity of masks").fill("100")
    painted(first, 0.1, 0.1, (0xFF, 0xD1, 0x66))
    shown.get_by_label("Opacity of masks").fill("50")


def test_a_filter_is_typed_and_python_knows_it(notebook, shown):
    filter_by(shown, 'labels == "blue" and row > 10')
    count(shown, "7 of 30 rows")
    expect(numbers(shown)).to_have_text(["11", "14", "17", "20", "23", "26", "29"])
    painted(tile(shown, 0), 0.9, 0.1, BLUE)
    wanted = "{'where': 'labels == \"blue\" and row > 10'} 7"
    eventually(lambda: python(notebook, "shown.view, len(shown.dataset)"), wanted)


def test_a_filter_that_does_not_fit_says_why_and_changes_nothing(shown):
    filter_by(shown, 'label == "blue"')
    expect(shown.get_by_role("alert")).to_contain_text("did you mean 'labels'")
    count(shown, "30 rows")
    filter_by(shown, "row > 999")
    count(shown, "0 of 30 rows")
    expect(shown.get_by_text("No row fits")).to_be_visible()
    shown.get_by_role("button", name="Show all rows").click()
    count(shown, "30 rows")


def test_a_class_that_there_is_not_is_said_and_is_no_error(notebook, shown):
    filter_by(shown, 'labels == "bleu"')
    count(shown, "0 of 30 rows")
    said = shown.get_by_role("alert")
    expect(said).to_contain_text("no class 'bleu' (did you mean 'blue'?)")
    expect(said).not_to_have_class(re.compile("dl-error"))
    notebook.screenshot("gallery-no-class")
    filter_by(shown, 'labels == "blue"')
    count(shown, "10 of 30 rows")
    expect(said).to_be_hidden()


def test_the_buttons_of_a_narrow_filter_bar_stay_together(notebook, shown):
    open_filters(shown)
    for width in (620, 480, 400, 340, 280):
        shown.evaluate("(root, width) => { root.style.width = `${width}px`; }", width)
        all_rows = shown.get_by_role("button", name="Show all rows")
        expect(all_rows).to_have_text("all rows")  # no second "all" beside the sample's, which is a number of rows
        top, beside = (one.bounding_box()["y"] for one in (all_rows, shown.locator(".dl-filters [type=submit]")))
        notebook.screenshot(f"gallery-filters-{width}")
        assert top == beside, width
    shown.evaluate("(root) => { root.style.width = ''; }")


def test_a_sample_takes_the_room_of_the_filters_and_they_come_back(notebook, shown):
    open_filters(shown)
    filters, dialog = shown.get_by_role("form", name="Rows shown"), shown.get_by_role("dialog")
    for width in (300, 900):
        shown.evaluate("(root, width) => { root.style.width = `${width}px`; }", width)
        tile(shown, 0).click()
        canvas = dialog.locator(".dl-large:not([hidden])").first
        canvas.wait_for()
        expect(filters).to_be_hidden()
        settled(canvas)
        notebook.screenshot(f"gallery-viewer-{width}")
        assert canvas.bounding_box()["height"] > 120
        tops = [button.bounding_box()["y"] for button in dialog.locator(".dl-bar").first.get_by_role("button").all()]
        assert len(set(tops)) == 1, "the buttons are in one line"
        leave(dialog)
        expect(filters).to_be_visible()
        tile(shown, 0).click()
        shown.get_by_role("button", name="Filter, sort and sample rows").click()  # they are asked for: the sample goes
        expect(dialog).to_be_hidden()
        expect(filters).to_be_visible()
    shown.evaluate("(root) => { root.style.width = ''; }")


def test_a_class_is_a_click_away_and_counted(shown):
    open_filters(shown)
    shown.get_by_role("button", name="Show only green: 10").click()
    count(shown, "10 of 30 rows")
    expect(shown.locator(".dl-class")).to_have_count(1)
    expect(shown.get_by_role("button", name="Show only green: 10")).to_be_visible()


def test_a_view_set_in_python_moves_the_page(notebook, shown):
    notebook.edit(2, 'shown.view = {"where": "row < 5", "sort": "row", "descending": True}')
    notebook.run(2)
    count(shown, "5 of 30 rows")
    expect(numbers(shown)).to_have_text(["4", "3", "2", "1", "0"])
    expect(shown.get_by_label("Filter", exact=True)).to_have_value("row < 5")


def test_selected_rows_go_both_ways_and_become_code(notebook, shown):
    tile(shown, 2).click(modifiers=["Control"])
    tile(shown, 5).click(modifiers=["Shift"])
    shown.get_by_role("button", name="Select nothing").get_by_text("4 selected").wait_for()  # the kernel was asked
    eventually(lambda: python(notebook, "shown.selection"), "[2, 3, 4, 5]")
    shown.get_by_role("button", name="Copy as code").click()
    expect(shown.get_by_label("Python for the rows shown")).to_have_value(re.compile(r"\nds\[2:6\]$"))
    shown.get_by_role("button", name="Close the code").click()
    notebook.edit(2, "shown.selection = [7]")
    notebook.run(2)
    shown.locator('.dl-cell[data-row="7"][aria-selected="true"]').wait_for()
    expect(shown.locator('.dl-cell[aria-selected="true"]')).to_have_count(1)
    shown.locator('.dl-cell[data-row="7"]').focus()
    notebook.page.keyboard.press("Space")
    shown.locator('.dl-cell[data-row="7"][aria-selected="false"]').wait_for()
    eventually(lambda: python(notebook, "shown.selection"), "[]")  # it hears of the page beside running cells


def test_the_viewer_zooms_to_single_pixels_and_tells_their_true_values(notebook, shown):
    dialog = view(shown, "depth")
    stage = dialog.locator(".dl-frame").first
    canvas = dialog.locator(".dl-large").first
    settled(canvas)
    box = canvas.bounding_box()
    middle = {"x": box["width"] / 2 + 1, "y": box["height"] / 2 + 1}  # in the middle is the corner of the bright part
    canvas.hover(position=middle)
    for _ in range(30):
        notebook.page.mouse.wheel(0, -400)
    expect(stage).to_have_attribute("data-zoom", "64.000")
    readout = dialog.locator(".dl-readout").first
    canvas.hover(position={"x": middle["x"] + 10, "y": middle["y"] + 10})
    canvas.hover(position=middle)
    told = eventually(lambda: re.match(r"(\d+), (\d+)  uint16 (\d+)", readout.inner_text()))
    x, y, value = map(int, told.groups())
    assert abs(x - 1200) <= 12, "it zoomed in where the pointer was, within a pixel of the screen"
    assert abs(y - 800) <= 12
    assert value == (41235 if (x, y) == (1200, 800) else 3000 if x >= 1200 and y >= 800 else 1000)

    def is_sharp(line):
        """Nothing is between the dark pixels and the bright ones; once the part in sight has come in full."""
        return len(set(line)) == 2 and line == sorted(line)

    eventually(lambda: canvas.evaluate(_LOWEST), is_sharp)
    notebook.screenshot("viewer-pixels")
    dialog.get_by_label("Whole picture (0)").click()
    eventually(lambda: zoom(stage), lambda now: now < 1)
    leave(dialog)


def test_window_and_level_change_what_is_black_and_white(notebook, shown):
    dialog = view(shown, "depth")
    canvas = dialog.locator(".dl-large").first

    def seen(down):
        width, height = canvas.evaluate("(canvas) => [canvas.width, canvas.height]")
        red, _, _, alpha = pixel(canvas, width // 2 + 20, height // 2 + down)
        return red if alpha else None

    eventually(lambda: seen(40), lambda dark: dark is not None and dark < 40)  # 3,000 of 41,235
    dialog.get_by_label("Shown as white").fill("45")
    eventually(lambda: seen(40), 255)
    eventually(lambda: seen(-40), lambda dark: dark < 40)
    notebook.screenshot("viewer-window")
    dialog.get_by_label("The window the image came with").click()
    leave(dialog)


def test_keys_zoom_pan_and_leave_and_the_dialog_keeps_the_keyboard(notebook, shown):
    dialog = view(shown, "images")
    stage = dialog.locator(".dl-frame").first
    keys = notebook.page.keyboard
    settled(dialog.locator(".dl-large").first)
    first = zoom(stage)
    for key in "++":
        keys.press(key)
    eventually(lambda: zoom(stage), lambda now: now > first)
    keys.press("ArrowRight")  # pans while zoomed
    keys.press("0")
    eventually(lambda: zoom(stage), first)
    expect(dialog).to_have_attribute("aria-label", re.compile("^Row 0 "))
    keys.press("ArrowRight")
    dialog.get_by_text("caption 1", exact=True).wait_for()
    for _ in range(40):
        keys.press("Tab")
        assert dialog.evaluate("(dialog) => dialog.contains(document.activeElement)")
    leave(dialog)
    expect(shown.locator('.dl-cell[data-row="1"]')).to_be_focused()


def test_keys_read_single_pixels(notebook, shown):
    dialog = view(shown, "depth")
    keys = notebook.page.keyboard
    readout = dialog.locator(".dl-readout").first
    keys.press("Shift+ArrowRight")
    readout.get_by_text("1201, 800  uint16 3000").wait_for()
    expect(readout).to_have_attribute("aria-live", "polite")
    keys.press("Shift+ArrowLeft")
    readout.get_by_text("1200, 800  uint16 41235").wait_for()
    keys.press("Shift+ArrowUp")
    readout.get_by_text("1200, 799  uint16 1000").wait_for()
    for _ in range(12):
        keys.press("+")
    stage = dialog.locator(".dl-frame").first
    eventually(lambda: zoom(stage), lambda now: now > 8)
    for _ in range(60):
        keys.press("Shift+ArrowRight")
    readout.get_by_text("1260, 799  uint16 1000").wait_for()
    notebook.screenshot("viewer-pixel-by-key")
    canvas = dialog.locator(".dl-large").first
    eventually(lambda: canvas.evaluate(_HAS_WHITE))  # the pixel's frame is in sight
    expect(dialog).to_have_attribute("aria-label", re.compile("^Row 0 "))
    leave(dialog)


def test_the_open_viewer_follows_the_theme_when_it_is_switched(notebook, shown):
    dialog = view(shown, "depth")
    for theme in ("dark", "light"):
        notebook.set_theme(theme)
        is_themed(dialog, theme)
    leave(dialog)


def test_a_sequence_is_stepped_through(notebook, shown):
    dialog = view(shown, "clips", row=1)
    canvas = dialog.locator(".dl-large").first
    strip = dialog.get_by_label("Item of the sequence")
    strip.fill("1")
    notebook.page.wait_for_function(
        "(canvas) => { const at = canvas.getContext('2d').getImageData(canvas.width / 2 + 20, canvas.height / 4, 1, 1);"
        " return at.data[0] > 240 && at.data[1] > 240; }",
        arg=canvas.element_handle(),
    )
    expect(dialog.get_by_text("item 2 of 2")).to_be_visible()
    leave(dialog)


def test_another_tensor_is_shown_beside_and_looked_at_together(notebook, shown):
    dialog = view(shown, "images")
    dialog.get_by_role("button", name="Show masks beside the picture").click()
    second = dialog.locator(".dl-frame").nth(1)
    second.locator(".dl-large:not([hidden])").wait_for()
    settled(second.locator(".dl-large"))
    first = dialog.locator(".dl-frame").first
    before = zoom(first)
    dialog.get_by_label("Zoom in (+)").click()
    eventually(lambda: (zoom(first) > before, zoom(second) - zoom(first)), (True, 0))
    notebook.screenshot("viewer-beside")
    leave(dialog)


def test_a_broken_link_says_what_and_where_and_the_others_stay(notebook, shown):
    shown.get_by_label("Tensor shown").select_option("linked")
    tile(shown, 3)
    broken = shown.locator('.dl-cell[data-row="4"]')
    broken.get_by_text("cannot be read").wait_for()
    expect(broken).to_have_attribute("title", re.compile("/4.png"))
    expect(broken).to_have_attribute("aria-label", re.compile("^Row 4 cannot be shown: "))
    tile(shown, 5).click()
    dialog = shown.get_by_role("dialog")
    dialog.locator(".dl-left .dl-origin", has_text="/5.png").wait_for()
    notebook.page.keyboard.press("ArrowLeft")
    field = dialog.locator(".dl-field", has_text="linked")
    field.locator(".dl-error", has_text="cannot be read").wait_for()
    expect(field.locator(".dl-note")).to_contain_text("put it back there")
    leave(dialog)


def test_numbers_are_bars_and_words_are_words(shown):
    shown.get_by_label("Tensor shown").select_option("vectors")
    first = tile(shown, 0)
    painted(first, 0.9, 0.4, (0x2F, 0x8F, 0xD8), 30)  # the last values are above zero
    painted(first, 0.04, 0.6, (0xE0, 0x6C, 0x4F), 30)  # the first values are below
    shown.get_by_label("Tensor shown").select_option("captions")
    shown.get_by_text("caption 3", exact=True).wait_for()


def test_stored_sounds_are_played(notebook, shown):
    dialog = view(shown, "images")
    dialog.get_by_role("button", name="Load sounds and play it").click()
    player = dialog.locator("audio")
    player.wait_for()
    eventually(lambda: player.evaluate("(audio) => audio.duration"), pytest.approx(0.5))
    leave(dialog)


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(notebook, shown, theme):
    notebook.set_theme(theme)
    page = notebook.page
    page.add_script_tag(path=str(JS / "node_modules" / "axe-core" / "axe.min.js"))
    found = []

    def look(state):
        notebook.screenshot(f"gallery-{state}-{theme}")
        result = page.evaluate("(root) => axe.run(root)", shown.element_handle())
        for violation in result["violations"]:
            if violation["impact"] in {"serious", "critical"}:
                targets = [node["html"][:150] for node in violation["nodes"][:3]]
                found.append((state, violation["id"], targets))

    look("grid")
    open_filters(shown)
    shown.locator(".dl-class").first.wait_for()
    look("filters")
    tile(shown, 1).click(modifiers=["Control"])
    shown.get_by_role("button", name="Copy as code").click()
    look("code")
    shown.get_by_role("button", name="Close the code").click()
    shown.get_by_role("button", name="Filter, sort and sample rows").click()
    dialog = view(shown, "depth")
    look("viewer")
    leave(dialog)
    shown.get_by_label("Tensor shown").select_option("linked")
    shown.get_by_text("cannot be read").first.wait_for()
    look("error")
    notebook.set_theme("light")
    assert found == []


def test_the_page_had_no_errors(notebook):
    assert notebook.errors == []
