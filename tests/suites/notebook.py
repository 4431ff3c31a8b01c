"""What every notebook must do for the gallery and the forms. Subclass `NotebookSuite` and give it an opened `notebook`.

One specification for all: what a host cannot do is said by the attributes of its subclass.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.axe import serious
from tests.browser.gallery import BLUE, BOX, RED, gallery, go_to, large, painted, pictures, tile
from tests.eventually import eventually

ROWS = 400
CANARY = "b3arerCanary-thatNobodyMaySee-0123456789"

PREPARE = pictures(ROWS) + "from deeplake_nb.widgets.gallery import Gallery\n"
LIVE = "shown = Gallery(colours)\nshown"
KEYS = """
from deeplake_nb import session
from deeplake_nb.widgets import keys
keys.add(session.default(), "{url}")
"""
SHOWN = "from deeplake_nb.widgets import display\ndisplay.show(colours)"

GALLERY, FORM, DATASET = 1, 2, 3

# What is asked of Python.
COUNT = "len(colours)"
SELECTION = "shown.selection"
ONLY_BLUE = "shown.set_trait('view', 'labels == \"blue\"')"
ALL = "shown.set_trait('view', {})"
LOADED = "deeplake.load('{url}').x.numpy().ravel().tolist()"


def questions(store, held):
    """All that is asked, for hosts that want to know before."""
    return [COUNT, SELECTION, ONLY_BLUE, ALL, held.expression, LOADED.format(url=f"{store.endpoint}/cars")]


def cells(store):
    """What is run, in the order of ``GALLERY``, ``FORM`` and ``DATASET``, after what these need."""
    return [PREPARE, LIVE, KEYS.format(url=f"{store.endpoint}/cars"), SHOWN]


class NotebookSuite:
    """Needs a fixture ``notebook``: a `BrowserPage` in which `cells` were run."""

    answers_meanwhile = True
    """Whether pictures come while a cell runs; where not, the gallery says that the kernel is busy."""

    keeps_picture = True
    """Whether a saved notebook keeps a picture, which gives way to the gallery while it lives."""

    def test_the_first_tiles_are_painted(self, notebook):
        shown = gallery(notebook, GALLERY)
        assert notebook.ask(COUNT) == str(ROWS)
        for row in range(6):
            painted(tile(shown, row), 0.1, 0.1, (RED, BLUE)[row % 2])
        first = tile(shown, 0)
        painted(first, 0.25, 0.5, BOX)  # the left edge of the box, in the colour of its class
        painted(first, 0.5, 0.5, RED)  # a box is not filled
        expect(first).to_have_attribute("aria-label", "Row 0, red, 1 box, 96 by 96 pixels")

    def test_a_click_opens_the_viewer_and_escape_closes_it(self, notebook):
        shown = gallery(notebook, GALLERY)
        tile(shown, 1).click()
        viewer = shown.get_by_role("dialog")
        viewer.get_by_text("caption of row 1", exact=True).wait_for()
        large(viewer, BLUE)
        notebook.page.keyboard.press("Escape")
        viewer.wait_for(state="hidden")

    def test_the_viewer_keeps_the_keyboard_and_gives_it_back(self, notebook):
        shown = gallery(notebook, GALLERY)
        tile(shown, 1).click()
        viewer = shown.get_by_role("dialog")
        viewer.get_by_text("caption of row 1", exact=True).wait_for()
        for key in ("Tab", "Shift+Tab"):
            stops = set()
            for _ in range(24):
                notebook.page.keyboard.press(key)
                stops.add(viewer.evaluate(_FOCUSED))
            assert len(stops) > 8, "all that there is"
            assert "" not in stops, "and nothing behind it"
        notebook.page.keyboard.press("Escape")
        viewer.wait_for(state="hidden")
        expect(tile(shown, 1)).to_be_focused()

    def test_a_selection_reaches_python(self, notebook):
        shown = gallery(notebook, GALLERY)
        for row in (2, 5):
            tile(shown, row).click(modifiers=["Control"])
        shown.locator('.dl-cell[data-row="5"][aria-selected="true"]').wait_for()
        eventually(lambda: notebook.ask(SELECTION), "[2, 5]")  # a page sends one change after the other

    def test_what_python_sets_is_shown(self, notebook):
        for view, count, first in ((ONLY_BLUE, f"{ROWS // 2} of {ROWS} rows", BLUE), (ALL, f"{ROWS} rows", RED)):
            notebook.ask(view)
            shown = gallery(notebook, GALLERY)
            shown.get_by_text(count, exact=True).wait_for()
            painted(tile(shown, 0), 0.1, 0.1, first)

    def test_a_dataset_is_shown_and_its_picture_gives_way(self, notebook):
        shown = gallery(notebook, DATASET)
        painted(tile(shown, 1), 0.1, 0.1, BLUE)
        output = notebook.output(DATASET)
        expect(output.locator("img")).to_have_count(int(self.keeps_picture))
        expect(output.locator("img:visible")).to_have_count(0)
        notebook.page.wait_for_timeout(2100)  # for so long the hint to run the cell waits for a gallery
        expect(output.locator(".deeplake-nb-hint:visible")).to_have_count(0)

    def test_the_theme_is_followed_when_it_is_switched(self, notebook):
        shown = gallery(notebook, GALLERY)
        for theme in ("dark", "light"):
            notebook.set_theme(theme)
            for index, name in ((GALLERY, ".deeplake-nb"), (FORM, ".deeplake-nb-form")):
                is_themed(notebook.output(index).locator(name), theme)
            shown.scroll_into_view_if_needed()
            notebook.screenshot(f"{type(self).__name__[4:].lower()}-{theme}")

    def test_a_form_is_filled_in_and_its_key_is_used(self, notebook, store):
        form = notebook.output(FORM).locator(".deeplake-nb-form")
        form.wait_for()
        form.scroll_into_view_if_needed()
        token = form.get_by_label("Token")
        token.fill(CANARY)
        form.get_by_role("button", name="Save").click()
        form.locator(".dl-said", has_text="in this session").wait_for()
        store.requests.clear()
        assert notebook.ask(LOADED.format(url=f"{store.endpoint}/cars")) == "[1, 2, 3]"
        assert {headers.get("Authorization") for _, _, headers in store.requests} == {f"Bearer {CANARY}"}
        for frame in notebook.page.frames:
            assert CANARY not in frame.content()
            assert CANARY not in frame.evaluate(_STORED)

    def test_what_happens_while_a_cell_runs(self, notebook, held):
        shown = gallery(notebook, GALLERY)
        tile(shown, 0)
        busy = shown.locator(".dl-busy")
        with held:
            number = notebook.begin(held.expression)
            eventually(lambda: notebook.is_running(number))
            go_to(shown, ROWS - 1)
            if self.answers_meanwhile:
                painted(tile(shown, ROWS - 1), 0.1, 0.1, BLUE)
            else:
                expect(busy).to_have_text("kernel busy")
                notebook.page.wait_for_timeout(1200)
                assert busy.inner_text() == "kernel busy", "it stays"
                notebook.screenshot(f"{type(self).__name__[4:].lower()}-busy")
            assert notebook.is_running(number), "the cell slept all the while"
        painted(tile(shown, ROWS - 1), 0.1, 0.1, BLUE)
        expect(busy).to_have_text("")

    @pytest.mark.usefixtures("node_modules")
    def test_axe_finds_nothing_serious(self, notebook):
        notebook.output(FORM).scroll_into_view_if_needed()
        assert serious(notebook.output(FORM).locator(".deeplake-nb-form")) == []
        assert serious(gallery(notebook, GALLERY)) == []
        assert serious(gallery(notebook, DATASET)) == []

    def test_nothing_went_wrong_and_no_other_machine_was_asked(self, notebook):
        assert notebook.errors == []
        assert notebook.foreign == []


# A frame that may keep nothing says so by an error.
_STORED = """() => {
    try {
        return JSON.stringify([{ ...localStorage }, { ...sessionStorage }]);
    } catch (error) {
        return error.name === "SecurityError" ? "" : `${error}`;
    }
}"""

# What has the keyboard, if it is within.
_FOCUSED = """(root) => {
    const { activeElement } = root.getRootNode();
    return root.contains(activeElement) ? activeElement.ariaLabel || activeElement.className : "";
}"""

# Colours are painted and read back, as the style may give them in any of CSS's ways.
_LUMINANCES = """(root) => {
    const paint = document.createElement("canvas").getContext("2d");
    const { backgroundColor, color } = getComputedStyle(root);
    return [backgroundColor, color].map((one) => {
        paint.fillStyle = one;
        paint.fillRect(0, 0, 1, 1);
        const [red, green, blue] = paint.getImageData(0, 0, 1, 1).data;
        return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
    });
}"""


# Of ground and ink, 0 to 1.
_THEMES = {
    "dark": lambda found: found[0] < 0.2 and found[1] > 0.6,
    "light": lambda found: found[0] > 0.9 and found[1] < 0.3,
}


def is_themed(root, theme):
    """Wait until a widget's ground and ink are those of "light" or "dark"."""
    eventually(lambda: root.evaluate(_LUMINANCES), _THEMES[theme])
