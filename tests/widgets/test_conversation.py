"""A conversation recorded between a page and a kernel, replayed: the kernel still gives each answer, word for word."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from deeplake_nb.widgets.gallery import Gallery
from tests.widgets import recorded

SECONDS = 60


class Kernel:
    """A gallery of the recorded dataset; its answers by the number of the request."""

    def __init__(self):
        self.gallery = Gallery(recorded.dataset(recorded.PATH))
        self._answers = {}
        self._changed = threading.Condition()
        self.gallery.send = self._keep

    def _keep(self, content, buffers=None):
        with self._changed:
            assert content["id"] not in self._answers, "one answer each"
            self._answers[content["id"]] = (content, buffers)
            self._changed.notify_all()

    def hear(self, content):
        self.gallery._handle_custom_msg(content, [])

    def wait_for_traits(self, state):
        deadline = time.monotonic() + SECONDS
        while {name: plain(getattr(self.gallery, name)) for name in state} != state:
            assert time.monotonic() < deadline, state
            time.sleep(0.005)

    def answer(self, number):
        with self._changed:
            assert self._changed.wait_for(lambda: number in self._answers, SECONDS), f"no answer to {number}"
            return self._answers[number]


def plain(value):
    """As JSON gives it: tuples are lists."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


@pytest.fixture
def kernel():
    made = Kernel()
    yield made
    made.gallery.close()


def test_every_answer_is_the_recorded_one(kernel):
    said = recorded.conversation()
    cancelled = {one["content"]["id"] for one in said if one.get("content", {}).get("kind") == "cancel"}
    assert cancelled
    kernel.gallery._repr_mimebundle_()  # which sends the first tiles unasked
    compared = 0
    for one in said:
        if one["from"] == "page":
            if "content" in one:
                kernel.hear(one["content"])
            else:
                kernel.gallery.set_state(one["state"])
        elif "selection" in one.get("state", {}):  # which a cell did
            kernel.gallery.selection = one["state"]["selection"]
        elif "state" in one:  # which the page waited for before it went on
            kernel.wait_for_traits(one["state"])
        elif "content" in one and one["content"]["id"] not in cancelled:  # what crosses its cancel may be said or not
            content, buffers = kernel.answer(one["content"]["id"])
            assert plain(content) == one["content"]
            assert len(buffers or []) == len(one["buffers"])
            for ours, theirs in zip(buffers or [], one["buffers"], strict=True):
                assert np.array_equal(pixels(bytes(ours)), pixels(theirs))
            compared += 1
    assert compared > 10
    traits = {}
    for one in said:
        traits |= one.get("state", {})
    assert {name: plain(getattr(kernel.gallery, name)) for name in traits} == traits
