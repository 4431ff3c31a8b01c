"""A form and its kernel talk: the conversation that both sides' own tests replay was said by a page like this one.

`python -m tests.browser.test_form_messages` records it anew.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.browser.transcript import Transcript
from tests.widgets import recorded

TOKEN = "a token that opens nothing"


def talk(lab) -> list[dict]:
    """All that a person and the kernel say of a token: mistaken, incomplete, tested, kept."""
    notebook = lab.open(["%load_ext deeplake_nb", "%lake creds add"], name="talk.ipynb")
    notebook.run(0)
    heard = Transcript(notebook)
    notebook.run(1)
    shown = notebook.output(1).locator(".deeplake-nb-form")
    said = shown.locator(".dl-said")
    shown.get_by_label("HTTP token").check()
    place = shown.get_by_label("Place")
    place.fill("gcs://elsewhere")
    shown.get_by_text("expected https://… or http://…").wait_for()
    place.fill("http://127.0.0.1:9/x")
    shown.get_by_text("expected https://… or http://…").wait_for(state="detached")
    shown.get_by_role("button", name="Save").click()
    said.filter(has_text="Some fields need another look").wait_for()
    shown.get_by_label("Bearer token").fill(TOKEN)
    shown.get_by_role("button", name="Test").click()
    said.filter(has_text="This fails at: reached").wait_for()
    shown.get_by_role("button", name="Save").click()
    said.filter(has_text=re.compile("^Kept for http://127.0.0.1:9/x in this session")).wait_for()
    found = [one for one in heard.messages() if "content" in one]
    assert notebook.errors == []
    notebook.close()
    return found


def shape(said):
    """Who says what in which order, without the numbers."""
    return [(one["from"], one["content"]["kind"], len(one["buffers"])) for one in said]


def test_all_that_was_recorded_is_still_said(lab):
    assert shape(talk(lab)) == shape(recorded.conversation("form"))


if __name__ == "__main__":
    from playwright.sync_api import sync_playwright

    from tests import machine
    from tests.browser import chromium
    from tests.browser.lab import Lab

    machine.isolate()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=list(chromium.FLAGS))
        folder = Path(tempfile.mkdtemp(prefix="record-"))
        lab = Lab(folder, browser, {"DEEPLAKE_NB_DATA": str(folder / "data")})
        recorded.write(talk(lab), "form")
        lab.close()
        browser.close()
