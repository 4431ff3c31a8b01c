"""What the page's closer questions are answered with: pixels, values, files, classes, places, views."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.errors import CommandError, RowError
from deeplake_nb.widgets import inspector
from deeplake_nb.widgets.gallery import Gallery
from deeplake_nb.widgets.rows import select
from deeplake_nb.widgets.source import Source
from tests.widgets.conftest import BLUE, RED, file, film, song, tone

SECONDS = 60


class Page:
    """A gallery with somebody who asks it."""

    def __init__(self, ds, **traits):
        self.gallery = Gallery(ds, **traits)
        self._sent = []
        self._arrived = threading.Event()
        self.gallery.send = self._keep

    def _keep(self, content, buffers=None):
        self._sent.append((content, buffers))
        self._arrived.set()

    def ask(self, kind, **content):
        self._arrived.clear()
        self.gallery._handle_custom_msg({"v": 1, "id": 1, "kind": kind, **content}, [])
        assert self._arrived.wait(SECONDS)
        answer, buffers = self._sent[-1]
        assert answer["kind"] == f"{kind}.ok", answer
        return answer, buffers

    def refused(self, kind, **content):
        with pytest.raises(AssertionError) as caught:
            self.ask(kind, **content)
        return self._sent[-1][0]["error"]["message"] if caught else ""


@pytest.fixture
def deep(request):
    """Six rows: 16-bit images with a mask of classes, frames, and a link each, the last broken."""
    ds = deeplake.empty(f"mem://deep-{request.node.name}", overwrite=True)
    folder = request.getfixturevalue("tmp_path")
    with ds:
        ds.create_tensor("depth", htype="image", sample_compression="png", dtype="uint16")
        ds.create_tensor("masks", htype="segment_mask", sample_compression="lz4", class_names=["nothing", "road"])
        ds.create_tensor("frames", htype="sequence[image]", sample_compression="png")
        ds.create_tensor("labels", htype="class_label", class_names=["odd", "even"])
        ds.create_tensor("linked", htype="link[image]", sample_compression="png", verify=False)
        for index in range(6):
            path = folder / f"{index}.png"
            if index < 5:
                path.write_bytes(bytes(file(RED).buffer))
            depth = np.full((30, 40), 1000 * index, "uint16")
            depth[7, 5] = 41235
            mask = np.zeros((30, 40), "uint32")
            mask[7, 5] = 1
            frames = [file((RED, BLUE)[frame % 2]) for frame in range(index + 1)]
            row = {"depth": depth, "masks": mask, "frames": frames, "labels": index % 2}
            ds.append({**row, "linked": deeplake.link(str(path))})
    return ds


@pytest.fixture
def page(deep):
    made = Page(deep)
    yield made
    made.gallery.close()


def image(answer, buffers):
    return np.asarray(Image.open(io.BytesIO(buffers[answer["preview"]["buffer"]])))


def test_true_values_of_picture_and_mask(page):
    answer, _ = page.ask("values", tensor="depth", row=2, item=0, x=5, y=7)
    assert answer["values"] == [("depth", "uint16 41235"), ("masks", "uint32 1 (road)")]
    assert "no pixel" in page.refused("values", tensor="depth", row=2, item=0, x=40, y=0)
    assert "x must be a number" in page.refused("values", tensor="depth", row=2, item=0, x="1", y=0)


def test_boxes_under_the_pointer_with_their_class_and_score(monkeypatch):
    ds = deeplake.empty("mem://answers-boxes", overwrite=True)
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png")
        ds.create_tensor("boxes", htype="bbox", coords={"type": "pixel", "mode": "LTWH"})
        ds.create_tensor("labels", htype="class_label", class_names=["cat", "eye"])
        ds.create_tensor("scores", dtype="float32")
        ds.create_tensor("score_of_all", dtype="float32")
        boxes = np.array([[1, 2, 30, 20], [5, 6, 4, 3], [np.nan, 0, 40, 30]], "float32")
        scores = np.array([0.25, 0.9, 0.5], "float32")
        picture = np.zeros((30, 40, 3), "uint8")
        ds.append({"images": picture, "boxes": boxes, "labels": [0, 1, 0], "scores": scores, "score_of_all": [0.5]})
        ds.append({"images": picture, "boxes": boxes[:1], "labels": [0, 1], "scores": scores, "score_of_all": [0.5]})
        ds.append({"images": picture, "boxes": None, "labels": None, "scores": None, "score_of_all": None})
    page = Page(ds)
    read, items = Source.item, []
    monkeypatch.setattr(Source, "item", lambda self, *what: items.append(what) or read(self, *what))
    try:
        both, one, none, unnamed, empty = (
            page.ask("values", tensor="images", row=row, item=0, x=x, y=y)[0]["values"][1:]
            for row, x, y in [(0, 5, 6), (0, 9, 6), (0, 0, 0), (1, 5, 6), (2, 5, 6)]
        )
    finally:
        page.gallery.close()
    cat = ("boxes", "cat LTWH 1.0, 2.0, 30.0, 20.0 scores 0.25")
    assert both == [("boxes", "eye LTWH 5.0, 6.0, 4.0, 3.0 scores 0.9"), cat]
    assert one == [cat], "the right edge is outside"
    assert none == []
    assert unnamed == [("boxes", "LTWH 1.0, 2.0, 30.0, 20.0")], "as many names and scores as boxes, or none"
    assert empty == []
    assert len(items) == len(set(items)) == 3 * 4, "each of the rows is read once, wherever the pointer goes"


def test_a_sample_of_more_than_8_bits_comes_with_its_window(page):
    answer, _ = page.ask("sample", tensor="depth", row=2, item=0, box=100)
    assert (answer["dtype"], answer["window"], answer["extent"]) == ("uint16", (2000.0, 41235.0), (2000.0, 41235.0))
    part, buffers = page.ask("part", tensor="depth", row=2, item=0, box=100, region=[4, 6, 8, 10], window=[2000, 2255])
    assert part["region"] == (4, 6, 8, 10)
    shown = image(part, buffers)
    assert shown.shape == (4, 4)
    assert (shown[0, 0], shown[1, 1]) == (0, 255)
    assert "region must be" in page.refused("part", tensor="depth", row=0, item=0, box=9, region=[1], window=None)
    assert "window must be" in page.refused("part", tensor="depth", row=0, item=0, box=9, region=None, window="all")


def test_items_of_a_sequence_are_shown_one_by_one(page):
    colours = []
    for item in range(3):
        answer, buffers = page.ask("sample", tensor="frames", row=2, item=item, box=100)
        assert answer["tile"]["count"] == 3
        colours.append(tuple(image(answer["tile"], buffers)[0, 0]))
        (field,) = [field for field in answer["fields"] if field["name"] == "frames"]
        assert field["count"] == 3
    assert colours == [RED, BLUE, RED]


def test_a_linked_sample_says_where_it_is_from_also_when_it_fails(page, tmp_path):
    answer, _ = page.ask("tiles", tensor="linked", rows=[0, 5], box=100)
    good, bad = answer["tiles"]
    assert good["origin"] == str(tmp_path / "0.png")
    assert bad["origin"] == str(tmp_path / "5.png")
    assert "cannot be read" in bad["error"]
    sample, _ = page.ask("sample", tensor="depth", row=5, item=0, box=100)
    field = {field["name"]: field for field in sample["fields"]}["linked"]
    assert field["origin"] == str(tmp_path / "5.png")
    assert "cannot be read" in field["error"]


def test_an_origin_never_shows_what_is_secret():
    ds = deeplake.empty("mem://secret-origin", overwrite=True)
    ds.create_tensor("linked", htype="link[image]", sample_compression="png", verify=False)
    ds.linked.append(deeplake.link("http://me:c4nary@127.0.0.1:9/x.png?sig=c4nary"))
    page = Page(ds)
    for kind, asked in (("tiles", {"rows": [0]}), ("sample", {"row": 0, "item": 0})):
        answer, _ = page.ask(kind, tensor="linked", box=100, **asked)
        assert "127.0.0.1:9/x.png" in str(answer)
        assert "c4nary" not in str(answer)
    page.gallery.close()


def test_files_that_browsers_do_not_play_are_refused(page):
    assert "browsers do not play png samples" in page.refused("file", tensor="depth", row=0, item=0)


@pytest.mark.parametrize(
    ("htype", "kind", "data", "media"),
    [
        ("audio", "wav", tone(), "audio/wav"),
        ("audio", "mp3", song("mp3", "libmp3lame"), "audio/mpeg"),
        ("audio", "flac", song("flac", "flac"), "audio/flac"),
        ("video", "mp4", film(), "video/mp4"),
    ],
    ids=["wav", "mp3", "flac", "mp4"],
)
def test_a_file_that_browsers_play_is_sent_as_it_is_stored(monkeypatch, htype, kind, data, media):
    ds = deeplake.empty("mem://played", overwrite=True)
    ds.create_tensor("played", htype=htype, sample_compression=kind)
    ds.played.append(deeplake.Sample(data))
    page = Page(ds)
    answer, _ = page.ask("sample", tensor="played", row=0, item=0, box=64)
    assert answer["fields"][0]["media"] == media
    answer, buffers = page.ask("file", tensor="played", row=0, item=0)
    assert (answer["media"], bytes(buffers[0])) == (media, data)
    monkeypatch.setattr(inspector, "MOST_FILE_NBYTES", 100)
    assert "are more than the 100 that are sent" in page.refused("file", tensor="played", row=0, item=0)
    page.gallery.close()


def test_a_video_s_tile_is_its_first_frame_and_a_sound_s_its_waveform():
    ds = deeplake.empty("mem://first-frame", overwrite=True)
    ds.create_tensor("films", htype="video", sample_compression="mp4")
    ds.create_tensor("sounds", htype="audio", sample_compression="wav")
    ds.append({"films": deeplake.Sample(film()), "sounds": deeplake.Sample(tone())})
    page = Page(ds)
    answer, buffers = page.ask("tiles", tensor="films", rows=[0], box=256)
    (tile,) = answer["tiles"]
    assert (tile["width"], tile["height"]) == (64, 48)
    assert np.abs(image(tile, buffers)[20, 20].astype(int) - RED).max() < 12
    answer, buffers = page.ask("tiles", tensor="sounds", rows=[0], box=256)
    (tile,) = answer["tiles"]
    assert image(tile, buffers).shape == (96, 256, 4), "a waveform"
    assert tile["preview"]["text"].startswith("sound, 4,000 ")
    page.gallery.close()


def test_classes_are_counted_in_the_rows_shown(page):
    assert page.ask("histogram")[0]["classes"] == [("odd", "#4cc9f0", 0, 3), ("even", "#ffd166", 1, 3)]
    page.gallery.view = "row > 3"
    assert [one[3] for one in page.ask("histogram")[0]["classes"]] == [1, 1]


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("labels", "labels"),
        ("left/labels", "left.labels"),
        ("a label", "tensor('a label')"),
        ("class", "tensor('class')"),
        ("left/max", "tensor('left/max')"),
        ("it's", 'tensor("it\'s")'),
    ],
)
def test_a_class_s_bar_is_a_filter_whatever_the_tensor_is_called(name, spelled):
    """The page puts `== "cat"` after it."""
    ds = deeplake.empty("mem://class-bars", overwrite=True)
    ds.create_tensor(name, htype="class_label", class_names=["cat", "dog"]).extend([0, 1, 0])
    page = Page(ds)
    assert page.ask("histogram")[0]["tensor"] == spelled
    page.gallery.view = f'{spelled} == "cat"'
    assert len(page.gallery.dataset) == 2
    page.gallery.close()


def test_a_view_set_in_python_moves_the_page(page):
    gallery = page.gallery
    before = gallery.revision
    gallery.view = {"where": 'labels == "even"', "sort": "row", "descending": True}
    assert (gallery.length, gallery.total, gallery.revision) == (3, 6, before + 1)
    answer, _ = page.ask("tiles", tensor="depth", rows=[0, 2], box=64)
    assert [(tile["row"], tile["number"]) for tile in answer["tiles"]] == [(0, 5), (2, 1)]
    assert page.ask("rows", start=0, stop=3)[0]["rows"] == [5, 3, 1]
    assert page.ask("position", row=3)[0]["position"] == 1
    assert page.ask("position", row=2)[0]["position"] == -1
    assert [int(value) for value in gallery.dataset.labels.numpy().ravel()] == [1, 1, 1]
    gallery.view = {}
    assert gallery.length == 6
    assert len(gallery.dataset) == 6


def test_a_view_asked_for_by_the_page_is_known_to_python(page):
    answer, _ = page.ask("view", view={"where": "row < 2"})
    assert answer["length"] == page.gallery.length == 2
    assert page.gallery.view == {"where": "row < 2"}
    assert "did you mean 'row'" in page.refused("view", view={"where": "rwo < 2"})
    assert page.gallery.view == {"where": "row < 2"}, "a refused view changes nothing"
    assert "view must have parts" in page.refused("view", view="row < 2")


def test_a_class_that_there_is_not_is_said_and_shows_no_rows(page):
    answer, _ = page.ask("view", view={"where": 'labels == "evne"', "sort": 'labels == "evne"'})
    (note,) = answer["notes"]
    assert "no class 'evne' (did you mean 'even'?)" in note
    assert answer["length"] == page.gallery.length == 0
    assert page.ask("view", view={"where": 'labels == "even"'})[0]["notes"] == []
    with pytest.warns(UserWarning, match="did you mean 'even'"):
        page.gallery.view = 'labels == "evne"'
    with pytest.warns(UserWarning, match="did you mean 'even'") as told:
        assert len(select(page.gallery.dataset, 'labels == "evne"')) == 0
    assert [one.filename for one in told] == [__file__]


def test_a_view_that_does_not_fit_is_an_error_in_python_and_changes_nothing(page):
    for wrong in ("lables == 'odd'", {"what": 1}, 7):
        with pytest.raises(CommandError):
            page.gallery.view = wrong
    assert (page.gallery.view, page.gallery.length) == ({}, 6)


def test_a_selection_is_checked(page):
    page.gallery.selection = [4, 2, 4]
    assert page.gallery.selection == [4, 2]
    with pytest.raises(RowError, match="row 6 cannot be selected; there are 6 rows"):
        page.gallery.selection = [6]
    assert page.gallery.selection == [4, 2]


def test_code_says_what_is_selected_or_shown_or_in_sight(page):
    assert page.ask("code", start=1, stop=4)[0]["code"].endswith("ds[1:4]")
    page.gallery.view = "row > 3"
    assert page.ask("code", start=0, stop=2)[0]["code"].endswith("select(ds, where='row > 3')")
    assert page.gallery.code().endswith("select(ds, where='row > 3')")
    page.gallery.selection = [4, 2]
    assert page.ask("code", start=0, stop=2)[0]["code"].endswith("ds[[4, 2]]")
    assert page.gallery.code().endswith("ds[[4, 2]]")
    assert "at most 10,000" in page.refused("rows", start=0, stop=20_000)


def test_code_loads_the_version_that_is_shown():
    ds = deeplake.empty("mem://code-versions", overwrite=True)
    ds.create_tensor("x", dtype="int64")
    ds.x.extend(np.arange(5))
    first = ds.commit("first")
    ds.x.extend(np.arange(5))
    ds.checkout("other", create=True)
    ds.x.extend(np.arange(10, 15))
    ds.commit("on other")
    for path in ("mem://code-versions", "mem://code-versions@other", f"mem://code-versions@{first}"):
        shown = deeplake.load(path, read_only=True)
        gallery = Gallery(shown, view="row > 1")
        scope = {}
        code = gallery.code()
        exec(code.replace("select(ds", "again = select(ds"), scope)
        assert scope["again"].x.numpy().tolist() == gallery.dataset.x.numpy().tolist()
        assert repr(path) in code
        gallery.close()


def test_code_never_shows_what_is_secret(page, monkeypatch):
    monkeypatch.setattr(type(page.gallery._source.ds), "path", "https://me:c4nary@host/ds?sig=c4nary")
    assert "host/ds" in page.gallery.code()
    assert "c4nary" not in page.gallery.code()


def test_a_gallery_can_be_opened_on_a_view(deep):
    made = Gallery(deep, view={"where": "row == 3"})
    assert (made.length, made.total) == (1, 6)
    made.close()
