"""A form tells how far its action is, and cancels it; the action runs on a thread of its own."""

from __future__ import annotations

import io
import json
import threading

import pytest
from PIL import Image

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.progress import Progress
from deeplake_nb.progress import ticker as ticking
from deeplake_nb.session import Session
from deeplake_nb.widgets.form import Form
from deeplake_nb.widgets.link_panel import LinkPanel
from tests.eventually import eventually

COUNT = 300


@pytest.fixture
def folder(tmp_path):
    """Many files to link to."""
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "png")
    (tmp_path / "raw").mkdir()
    for number in range(COUNT):
        (tmp_path / "raw" / f"{number}.png").write_bytes(picture.getvalue())
    return tmp_path / "raw"


class Asked(threading.Thread):
    """An action of a form, as the page asks for it; and what the page was told meanwhile."""

    def __init__(self, form, action, choice, typed):
        super().__init__()
        self._form = form
        self._content = {"action": action, "choice": choice, "typed": Secret(json.dumps(typed))}
        self.told, self.answer = [], None
        form.send = lambda content, _buffers=None: self.told.append(content)

    def run(self):
        self.answer = self._form._act(self._content, [], lambda: True)


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_writing_links_tells_how_far_it_is_and_can_be_stopped(monkeypatch, tmp_path, folder, is_cancelled):
    monkeypatch.setattr(ticking, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(ticking, "SHOWN_AFTER_SECONDS", 0.02)
    session = Session()
    ds = session.empty(tmp_path / "ds")
    form = Form(LinkPanel(session, ds))
    typed = {"url": str(folder), "pattern": "*.png", "tensor": "images", "kind": "image", "key": "-"}
    asked = Asked(form, "write", "link", typed)
    counts, goes_on = Progress.__call__, threading.Event()

    def counts_and_waits(job, count=1):
        counts(job, count)
        assert job.unit != "samples" or goes_on.wait(60)

    monkeypatch.setattr(Progress, "__call__", counts_and_waits)
    asked.start()
    eventually(lambda: [one for one in asked.told if one["said"].startswith("add to") and one["share"]])
    if is_cancelled:
        assert form._stop({}, [], lambda: True) == {}
    goes_on.set()
    asked.join(60)
    for one in asked.told:
        assert (one["v"], one["id"], one["kind"]) == (1, 0, "progress")
        assert one["share"] is None or 0 <= one["share"] <= 1
    outcome = asked.answer["outcome"]
    if is_cancelled:
        assert outcome["said"] == f"add to {tmp_path}/ds: cancelled; nothing was added"
        assert (outcome["good"], outcome["done"], list(ds.tensors)) == (False, False, [])
    else:
        assert outcome["said"] == f"Wrote {COUNT:,} links to images."
        assert len(ds.images) == COUNT
    assert form._stop({}, [], lambda: True) == {}  # nothing is under way
    form.close()
