"""The widget without a page: what is sent, and what stays out of its saved state."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

import deeplake_nb
from deeplake_nb.errors import TensorNotFoundError
from deeplake_nb.widgets.gallery import Gallery

ROOT = Path(deeplake_nb.__file__).parents[1]
SECONDS = 60


@pytest.fixture
def gallery(colours):
    """A gallery whose messages to the page are kept."""
    made = Gallery(colours)
    made.sent = []
    made.arrived = threading.Event()

    def keep(content, buffers=None):
        made.sent.append((content, buffers))
        made.arrived.set()

    made.send = keep
    yield made
    made.close()


def ask(gallery, **content):
    gallery.arrived.clear()
    gallery._handle_custom_msg({"v": 1, "id": 1, **content}, [])
    assert gallery.arrived.wait(SECONDS)
    return gallery.sent[-1]


def test_tiles_are_answered_with_pictures_as_buffers(gallery, colours):
    content, buffers = ask(gallery, kind="tiles", tensor="images", rows=[1, 0], box=256)
    assert content["kind"] == "tiles.ok"
    assert [tile["row"] for tile in content["tiles"]] == [1, 0]
    first = content["tiles"][0]
    assert bytes(buffers[first["preview"]["buffer"]]) == colours.images[1].tobytes()
    assert first["preview"]["media"] == "image/png"
    assert first["labels"][0][0] == "blue"
    assert len(first["masks"]) == 1


def test_a_sample_is_answered_with_all_its_fields(gallery):
    content, buffers = ask(gallery, kind="sample", tensor="images", row=0, box=1024)
    assert content["kind"] == "sample.ok"
    assert [field["name"] for field in content["fields"]] == gallery.tensors
    assert all(0 <= field["picture"]["buffer"] < len(buffers) for field in content["fields"] if "picture" in field)


def test_a_row_out_of_range_is_an_error_message(gallery):
    content, _ = ask(gallery, kind="tiles", tensor="images", rows=[2], box=256)
    assert content["error"] == {"code": "row", "message": "row 2 is out of range; there are 2 rows"}


def test_the_first_tiles_are_sent_unasked_when_it_is_shown_and_not_again(gallery):
    gallery._repr_mimebundle_()
    assert gallery.arrived.wait(SECONDS)
    ((content, buffers),) = gallery.sent
    assert (content["id"], content["kind"]) == (0, "tiles.ok")
    assert [tile["row"] for tile in content["tiles"]] == [0, 1]
    assert buffers
    assert gallery.opened, "a page that finds it open asks by itself"
    gallery._repr_mimebundle_()
    ask(gallery, kind="tiles", tensor="images", rows=[1], box=256)
    assert [content["id"] for content, _ in gallery.sent] == [0, 1]


def test_the_saved_state_holds_no_pixels(gallery):
    ask(gallery, kind="tiles", tensor="images", rows=[0, 1], box=256)
    state = {name: value for name, value in gallery.get_state().items() if not name.startswith("_")}
    assert state.pop("layout").startswith("IPY_MODEL_")
    assert state == {
        "has_classes": True,
        "length": 2,
        "opened": False,
        "overlays": ["boxes", "masks", "labels"],
        "revision": 1,
        "selected": -1,
        "selection": [],
        "sheet": [],
        "tabbable": None,
        "tensor": "images",
        "tensors": ["images", "labels", "boxes", "masks", "captions", "numbers"],
        "tile_px": 148,
        "tooltip": None,
        "total": 2,
        "view": {},
    }


def test_an_unknown_tensor_is_an_error_at_once(colours):
    with pytest.raises(TensorNotFoundError, match="did you mean 'masks'"):
        Gallery(colours, "mask")


def test_the_bundle_was_built_from_these_sources():
    js = ROOT / "js"
    sources = [path.relative_to(js).as_posix() for path in js.glob("src/**/*") if path.is_file()]
    digest = hashlib.sha256()
    for name in sorted([*sources, "build.mjs", "package.json"]):
        digest.update(name.encode() + b"\0" + (js / name).read_bytes() + b"\0")
    stated = (ROOT / "deeplake_nb/static/source.sha256").read_text().strip()
    assert stated == digest.hexdigest(), "the front end changed: run `npm run build` in js/"


def test_the_bundle_is_small():
    import gzip

    script = (ROOT / "deeplake_nb/static/gallery.js").read_bytes()
    assert len(gzip.compress(script)) < 60_000
