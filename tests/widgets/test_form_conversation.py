"""A conversation recorded between a form's page and a kernel, replayed: the kernel gives each answer, word for word."""

from __future__ import annotations

import json
import queue

from deeplake_nb.session import Session
from deeplake_nb.widgets.form import Form
from deeplake_nb.widgets.key_panel import KeyPanel
from tests.widgets import recorded

SECONDS = 60


def test_the_kernel_gives_each_answer_again(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path / "data"))
    session = Session()
    form = Form(KeyPanel(session))
    answers = queue.Queue()
    form.send = lambda content, buffers=None: content["kind"] == "progress" or answers.put((content, buffers or []))
    said = recorded.conversation("form")
    answered = 0
    for one in said:
        if one["from"] == "page":
            form._handle_custom_msg(one["content"], [memoryview(data) for data in one["buffers"]])
        else:
            content, buffers = answers.get(timeout=SECONDS)
            assert json.loads(json.dumps(content)) == one["content"]
            assert buffers == one["buffers"] == []
            answered += 1
    assert answered > 5
    assert answers.empty()
    assert [str(url) for url in session.keyring.kept()] == ["http://127.0.0.1:9/x"]
    form.close()


def test_what_was_typed_stands_in_the_buffers_only():
    said = recorded.conversation("form")
    typed = [json.loads(data) for one in said if one["from"] == "page" for data in one["buffers"]]
    (token,) = {one["token"] for one in typed if "token" in one}
    assert token not in json.dumps([one["content"] for one in said])
