"""A page and its kernel talk: the conversation that both sides' own tests replay was said by a page like this one.

`python -m tests.browser.test_gallery_messages` records it anew.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.browser.gallery import gallery, go_to
from tests.browser.transcript import Transcript
from tests.eventually import eventually
from tests.widgets import recorded

# Each step takes back what the one before asked.
_THREE_ON = """(dialog) => {
    for (let step = 0; step < 3; step += 1) {
        dialog.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    }
}"""


class Tour:
    """A gallery of the recorded dataset, and whoever does in it everything that a page asks the kernel for."""

    def __init__(self, lab) -> None:
        recorded.dataset(str(lab.root / "conversation"))
        load = (
            "%load_ext deeplake_nb\nimport deeplake_nb as deeplake\nfrom deeplake_nb.widgets.gallery import Gallery\n"
        )
        load += f"shown = Gallery(deeplake.copy('conversation', {recorded.PATH!r}))\n"
        self.notebook = lab.open([load, "shown", "shown.selection = [7]"], viewport=(1500, 1000))
        self.heard = Transcript(self.notebook)
        self.notebook.run(0)
        self.notebook.run(1)
        self.shown = gallery(self.notebook, 1)

    def wait(self, kind, count=1):
        """Until that was said so often."""
        eventually(lambda: self.said().count(kind), lambda times: times >= count)

    def said(self):
        """Of what kind the messages were, in order."""
        return [one["content"]["kind"] for one in self.heard.messages() if "content" in one]

    def filter(self):
        shown, keys = self.shown, self.notebook.page.keyboard
        shown.locator('.dl-painted[data-row="11"]').wait_for()
        shown.get_by_role("button", name="Filter, sort and sample rows").click()
        self.wait("histogram.ok")
        field = shown.get_by_label("Filter", exact=True)
        field.fill("lables == 1")
        keys.press("Enter")
        self.wait("view.error")
        field.fill('labels == "blue"')
        keys.press("Enter")
        self.wait("view.ok")
        shown.locator('.dl-painted[data-row="5"]').wait_for()
        self.wait("histogram.ok", 2)

    def select(self):
        shown = self.shown
        shown.locator('.dl-cell[data-row="1"]').click(modifiers=["Control"])
        shown.locator('.dl-cell[data-row="3"]').click(modifiers=["Shift"])
        self.wait("rows.ok")
        shown.get_by_role("button", name="Copy as code").click()
        self.wait("code.ok")
        shown.get_by_role("button", name="Close the code").click()
        self.notebook.run(2)
        self.wait("position.ok")

    def look(self):
        shown = self.shown
        shown.get_by_label("Tensor shown").select_option("depth")
        shown.locator('.dl-painted[data-row="0"]').wait_for()
        go_to(shown, 0)
        self.notebook.page.keyboard.press("Enter")
        self.wait("sample.ok")
        dialog = shown.get_by_role("dialog")
        dialog.locator(".dl-large:not([hidden])").first.hover()
        self.wait("values.ok")
        dialog.get_by_label("Shown as white").fill("500")
        self.wait("part.ok")
        dialog.evaluate(_THREE_ON)
        self.wait("cancel", 2)
        self.wait("part.ok", 2)
        eventually(lambda: open_requests(self.heard.messages()), set())


def talk(lab) -> list[dict]:
    """All that is said on the tour."""
    tour = Tour(lab)
    tour.filter()
    tour.select()
    tour.look()
    said = tour.heard.messages()
    assert tour.notebook.errors == []
    tour.notebook.close()
    return said


def open_requests(said):
    """The numbers of those that the page still waits for."""
    told = [(one["from"], one["content"]["kind"], one["content"]["id"]) for one in said if "content" in one]
    over = {number for who, kind, number in told if who == "kernel" or kind == "cancel"}
    return {number for _, _, number in told} - over


def kinds(said):
    return {(one["from"], one["content"]["kind"]) for one in said if "content" in one}


def test_all_that_was_recorded_is_still_said(lab):
    said = talk(lab)
    assert kinds(said) == kinds(recorded.conversation())
    asked = {one["content"]["id"] for one in said if one["from"] == "page" and "content" in one}
    answered = [one["content"]["id"] for one in said if one["from"] == "kernel" and "content" in one]
    assert len(answered) == len(set(answered)), "one answer each"
    assert set(answered) <= asked | {0}


if __name__ == "__main__":
    from playwright.sync_api import sync_playwright

    from tests import machine
    from tests.browser import chromium
    from tests.browser.lab import Lab

    machine.isolate()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=list(chromium.FLAGS))
        lab = Lab(Path(tempfile.mkdtemp(prefix="record-")), browser)
        try:
            recorded.write(talk(lab))
        finally:
            lab.close()
            browser.close()
