"""Somebody who fills in a form."""

from __future__ import annotations

import json
import threading

from deeplake_nb.widgets.form import Form

SECONDS = 60


class Page:
    """The page's part of a form: sends what is typed as bytes, and waits for the answer.

    ``sent`` holds the answers, and ``told`` how far a long action was, which depends on the machine.
    """

    def __init__(self, panel):
        self.form = Form(panel)
        self.sent, self.told = [], []
        self._arrived = threading.Event()
        self._number = 0
        self.form.send = self._receive

    def _receive(self, content, buffers=None):
        assert not buffers, "the kernel sends a form nothing but words"
        if content["kind"] == "progress":
            self.told.append(content)
            return
        self.sent.append(content)
        self._arrived.set()

    def ask(self, kind, typed=None, /, **content):
        self._arrived.clear()
        self._number += 1
        message = {"v": 1, "id": self._number, "kind": kind, **content}
        buffers = [] if typed is None else [memoryview(json.dumps(typed).encode())]
        self.form._handle_custom_msg(message, buffers)
        assert self._arrived.wait(SECONDS)
        return self.sent[-1]

    def act(self, action, choice, typed=None):
        reply = self.ask("act", typed or {}, action=action, choice=choice)
        assert reply["kind"] == "act.ok", reply
        return reply["outcome"]

    def close(self):
        self.form.close()
