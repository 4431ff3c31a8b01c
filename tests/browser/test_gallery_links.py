"""Linked files in the gallery: films and sounds play through the kernel, and a broken link says what to do."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

import deeplake_nb as deeplake
from tests.browser.gallery import gallery, painted
from tests.browser.test_gallery_kinds import is_played
from tests.browser.test_gallery_viewer import leave
from tests.fakes.web import web_server
from tests.widgets.conftest import BLUE, RED, file, film, song

_KINDS = {"films": ("video", "mp4"), "sounds": ("audio", "mp3"), "photos": ("image", "png")}
THERE, GONE = 0, 1


@pytest.fixture(scope="module")
def web():
    with web_server() as running:
        running.files = {"a.mp4": film(), "a.mp3": song("mp3", "libmp3lame"), "a.png": bytes(file(BLUE).buffer)}
        yield running


@pytest.fixture(scope="module")
def notebook(lab, web):
    """Row 0 links to files that are there, row 1 to none."""
    ds = deeplake.empty(str(lab.root / "linked"))
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png")
        for name, (htype, kind) in _KINDS.items():
            ds.create_tensor(name, htype=f"link[{htype}]", sample_compression=kind, verify=False)
        for row in (THERE, GONE):
            place = f"{web.endpoint}/{'a' if row == THERE else 'gone'}"
            links = {name: deeplake.link(f"{place}.{kind}") for name, (_, kind) in _KINDS.items()}
            ds.append({"images": file(RED), **links})
    load = "import deeplake_nb as deeplake\nfrom deeplake_nb.widgets.gallery import Gallery\n"
    load += "shown = Gallery(deeplake.load('linked', read_only=True))"
    opened = lab.open([load, "shown"], viewport=(1500, 1000))
    opened.run_all()
    return opened


@pytest.fixture
def shown(notebook):
    found = gallery(notebook, 1)
    found.get_by_label("Tensor shown").select_option("images")
    painted(found.locator(f'.dl-painted[data-row="{THERE}"]'), 0.5, 0.5, RED)
    return found


def view(shown, row):
    shown.locator(f'.dl-cell[data-row="{row}"]').click()
    dialog = shown.get_by_role("dialog")
    dialog.locator(".dl-field").first.wait_for()
    return dialog


def field(dialog, name):
    return dialog.locator(".dl-field").filter(has=dialog.page.locator("h3", has_text=name))


def advice(place):
    """What to do about a broken link."""
    return re.compile(f"^%lake explain {re.escape(place)} ")


@pytest.mark.parametrize(("name", "seconds"), [("films", 1.0), ("sounds", 0.5)])
def test_a_linked_film_or_sound_is_played_from_bytes_that_the_kernel_sends(notebook, web, shown, name, seconds):
    dialog = view(shown, THERE)
    listed = field(dialog, name)
    kind = _KINDS[name][1]
    expect(listed.locator(".dl-origin")).to_have_text(f"{web.endpoint}/a.{kind}")
    asked = []
    notebook.page.on("request", lambda request: asked.append(request.url))
    listed.get_by_role("button", name=f"Load {name} and play it").click()
    player = listed.locator("video, audio")
    player.wait_for()
    is_played(player, seconds)
    expect(player).to_have_attribute("src", re.compile("^blob:"))
    assert not [url for url in asked if url.startswith(web.endpoint)], "the page itself asks nobody"
    notebook.screenshot(f"linked-{name}")
    leave(dialog)


@pytest.mark.parametrize("name", list(_KINDS))
def test_the_tile_of_a_link_shows_the_file_and_a_broken_one_its_own_error(notebook, web, shown, name):
    shown.get_by_label("Tensor shown").select_option(name)
    good = shown.locator(f'.dl-painted[data-row="{THERE}"]')
    kind = _KINDS[name][1]
    expect(good).to_have_attribute("title", f"from {web.endpoint}/a.{kind}")
    if name != "sounds":
        painted(good, 0.5, 0.5, {"films": RED, "photos": BLUE}[name], 14)
    broken = shown.locator(f'.dl-failed[data-row="{GONE}"]')
    place = re.escape(f"{web.endpoint}/gone.{kind}")
    expect(broken).to_have_attribute(
        "title", re.compile(f"{place}.*%lake explain {place}", re.DOTALL)
    )  # what to do next
    expect(broken).to_have_attribute("aria-label", re.compile(f"^Row {GONE} cannot be shown: "))
    notebook.screenshot(f"linked-tiles-{name}")
    broken.click()
    dialog = shown.get_by_role("dialog")
    dialog.locator(".dl-large-words", has_text=f"gone.{kind}").wait_for()
    leave(dialog)


def test_each_broken_link_of_a_row_has_its_own_error_and_advice_and_the_rest_is_there(notebook, web, shown):
    dialog = view(shown, GONE)
    dialog.locator(".dl-large:not([hidden])").first.wait_for()
    for name, (_, kind) in _KINDS.items():
        listed = field(dialog, name)
        expect(listed.locator(".dl-error")).to_contain_text(f"gone.{kind}")
        expect(listed.locator(".dl-note")).to_have_text(advice(f"{web.endpoint}/gone.{kind}"))
        expect(listed.get_by_role("button")).to_have_count(0)  # nothing to play
    notebook.screenshot("linked-broken")
    leave(dialog)


def test_a_link_that_breaks_while_one_looks_says_so_when_it_is_played(notebook, web, shown):
    """And what was fetched is no longer kept."""
    notebook.run(notebook.append("from deeplake_nb.widgets import recent_files\nrecent_files.SECONDS = -1"))
    dialog = view(shown, THERE)
    listed = field(dialog, "films")
    play = listed.get_by_role("button", name="Load films and play it")
    play.wait_for()
    kept = web.files.pop("a.mp4")
    play.click()
    listed.locator(".dl-error", has_text="a.mp4").wait_for()
    expect(listed.locator(".dl-note")).to_have_text(advice(f"{web.endpoint}/a.mp4"))
    web.files["a.mp4"] = kept
    leave(dialog)
    notebook.run(notebook.append("recent_files.SECONDS = 60"))


def test_the_page_had_no_errors(notebook):
    assert notebook.errors == []
