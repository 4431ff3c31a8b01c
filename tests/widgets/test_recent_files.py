"""A linked file that is shown is fetched once, while it is recent; what failed is tried again."""

from __future__ import annotations

import pytest

import deeplake_nb as deeplake
from deeplake_nb.errors import LinkError
from deeplake_nb.format.samples import Link
from deeplake_nb.preview.preview import FailedTile
from deeplake_nb.widgets import recent_files
from deeplake_nb.widgets.inspector import Inspector
from deeplake_nb.widgets.recent_files import RecentFiles
from deeplake_nb.widgets.source import Source
from tests.fakes.web import web_server
from tests.widgets.conftest import song


@pytest.fixture
def web():
    with web_server() as running:
        running.files = {"a.mp3": song("mp3", "libmp3lame")}
        yield running


@pytest.fixture
def sounds(web):
    ds = deeplake.empty("mem://recent", overwrite=True)
    ds.create_tensor("sounds", htype="link[audio]", sample_compression="mp3", verify=False)
    ds.sounds.extend([deeplake.link(f"{web.endpoint}/{name}.mp3") for name in ("a", "b")])
    return ds


def test_the_tile_the_fields_and_the_player_share_one_fetch(web, sounds):
    source = Source(sounds)
    (tile,) = source.tiles("sounds", [0], 256)
    assert tile.preview.is_picture
    fetched = len(web.requests)
    assert fetched > 0
    assert source.fields(0)[0].media == "audio/mpeg"
    assert Inspector(source).file("sounds", 0, 0) == ("audio/mpeg", web.files["a.mp3"])
    assert len(web.requests) == fetched


def test_a_file_that_was_missing_is_there_once_it_is(web, sounds):
    source = Source(sounds)
    assert isinstance(source.tiles("sounds", [1], 256)[0], FailedTile)
    web.files["b.mp3"] = web.files["a.mp3"]
    assert source.fields(1)[0].error is None


def test_a_row_that_links_to_another_file_shows_that_one(web, sounds):
    source = Source(sounds)
    web.files["c.mp3"] = web.files["a.mp3"] * 2
    source.tiles("sounds", [0], 256)
    sounds.sounds[0] = deeplake.link(f"{web.endpoint}/c.mp3")
    assert Inspector(source).file("sounds", 0, 0)[1] == web.files["c.mp3"]


class Opened:
    """Files of so many bytes, by path; counts what is opened."""

    def __init__(self):
        self.asked = []

    def __call__(self, links, managed):
        self.asked += [link.path for link in links]
        return [memoryview(bytes(int(link.path))) if link.path != "gone" else LinkError("gone") for link in links]


def test_a_link_that_is_asked_for_twice_at_once_is_opened_once():
    opened = Opened()
    recent = RecentFiles(opened)
    assert [data.nbytes for data in recent([Link("5"), Link("6"), Link("5")], ())] == [5, 6, 5]
    assert opened.asked == ["5", "6"]
    assert recent([Link("5", "key")], ())[0].nbytes == 5
    assert opened.asked == ["5", "6", "5"], "with other credentials it is another file"


def test_what_fails_is_not_kept():
    opened = Opened()
    recent = RecentFiles(opened)
    for _ in range(2):
        assert isinstance(recent([Link("gone")], ())[0], LinkError)
    assert opened.asked == ["gone", "gone"]


def test_a_minute_later_it_is_fetched_again():
    now = [0.0]
    opened = Opened()
    recent = RecentFiles(opened, lambda: now[0])
    for now[0], count in ((0, 1), (59, 1), (61, 2)):
        recent([Link("5")], ())
        assert len(opened.asked) == count


def test_it_holds_so_many_bytes_and_no_more(monkeypatch):
    monkeypatch.setattr(recent_files, "MOST_NBYTES", 100)
    opened = Opened()
    recent = RecentFiles(opened)
    for path in ("40", "41", "42", "101"):  # the first makes room for the third; the last is too large
        recent([Link(path)], ())
    held = [data.nbytes for (_, data), _ in recent._kept._values.values()]
    assert held == [41, 42]
    opened.asked.clear()
    recent([Link("41"), Link("42"), Link("40"), Link("101")], ())
    assert opened.asked == ["40", "101"]
