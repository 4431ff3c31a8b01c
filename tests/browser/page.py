"""One page of the browser: what went wrong in it, and whom it asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests import machine

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

WAIT_MS = 60_000
"""So long a page is waited for, whatever machine it is on, in all that it does."""

SCREENSHOTS = Path(__file__).parents[2] / ".cache" / "screenshots"  # git-ignored
_PIXEL = """(canvas, [x, y]) => Array.from(canvas.getContext("2d").getImageData(x, y, 1, 1).data)"""


class BrowserPage:
    """A notebook's page and its context, which closes with it. Subclasses know how cells are added and run.

    Attributes:
        page: the playwright page.
        errors: exceptions of the page and errors on its console, as text, in order; those that the host's own bundles
            raise by themselves are left out.
        foreign: urls of other machines the page asked for.
    """

    bundles: tuple[str, ...] = ()
    """Parts of the addresses that the host's own scripts come from."""

    quirks: tuple[str, ...] = ()
    """Parts of errors on the console that are the host's own."""

    def __init__(self, context: BrowserContext) -> None:
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self._context = context
        context.set_default_timeout(WAIT_MS)
        self.page: Page = context.new_page()
        self.page.on("pageerror", self._note_error)
        self.page.on("console", self._note_message)
        self.page.on("request", self._note_request)

    def _note_error(self, error) -> None:
        stack = error.stack or str(error)
        if not any(part in stack for part in self.bundles) or "blob:" in stack:  # a widget's module is a blob
            self.errors.append(stack)

    def _note_message(self, message) -> None:
        if message.type == "error" and not any(part in message.text for part in self.quirks):
            self.errors.append(message.text)

    def _note_request(self, request) -> None:
        url = urlsplit(request.url)
        if url.scheme in ("http", "https", "ws", "wss") and not machine.is_local(url.hostname):
            self.foreign.append(request.url)

    def ask(self, expression: str) -> str:
        """The value of a Python expression in the notebook's kernel, as the notebook shows it."""
        index = self.append(expression)
        self.run(index)
        return self.text(index)

    def begin(self, expression: str) -> int:
        """Have the kernel work on a Python expression; the cell that does."""
        index = self.append(expression)
        self.start(index)
        return index

    def screenshot(self, name: str) -> Path:
        """A picture of the page, for eyes."""
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def close(self) -> None:
        """Close the page. Its kernel lives on until the server is cleared or closed."""
        self._context.close()


def pixel(canvas: Locator, x: int, y: int) -> tuple[int, int, int, int]:
    """Red, green, blue and alpha of one pixel of a canvas, in its own (not CSS) pixels."""
    return tuple(canvas.evaluate(_PIXEL, [x, y]))


def text_of(outputs: list[dict]) -> str:
    """What outputs in nbformat's form print, and their plain-text results."""
    return "".join(
        "".join(output["text"] if output["output_type"] == "stream" else output["data"].get("text/plain", ""))
        for output in outputs
        if output["output_type"] != "error"
    )
