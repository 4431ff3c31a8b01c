"""What a page and its kernel say to each other about a widget, as it passes through JupyterLab."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.browser.notebook import NotebookPage

_LISTEN = """() => {
    const base64 = (buffer) => {
        const bytes = new Uint8Array(buffer.buffer ?? buffer, buffer.byteOffset ?? 0, buffer.byteLength);
        return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    };
    window.lakeSaid = [];
    window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.anyMessage.connect((_, { direction, msg }) => {
        if (msg.header.msg_type !== "comm_msg") return;
        const { method, content, state } = msg.content.data;
        const said = { custom: { content }, update: { state } }[method];
        if (said === undefined) return;
        const from = direction === "send" ? "page" : "kernel";
        window.lakeSaid.push({ from, ...said, buffers: (msg.buffers ?? []).map(base64) });
    });
}"""


class Transcript:
    """The messages of all widgets of a notebook, from now on, in the order the page saw them."""

    def __init__(self, notebook: NotebookPage) -> None:
        self._page = notebook.page
        self._page.evaluate(_LISTEN)

    def messages(self) -> list[dict[str, Any]]:
        """Each with ``from`` ("page" or "kernel"), ``buffers``, and ``content``, or ``state`` where traits changed."""
        said = self._page.evaluate("() => window.lakeSaid")
        return [{**one, "buffers": [base64.b64decode(data) for data in one["buffers"]]} for one in said]

    def clear(self) -> None:
        """Forget what was said."""
        self._page.evaluate("() => { window.lakeSaid = []; }")
