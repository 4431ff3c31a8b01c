"""Requests of the page on worker threads: each gets one reply or one error, or is cancelled.

A handler called by the kernel must return at once, as the next message waits for it. Errors go to the page and to the
log: a kernel shows neither what a handler prints nor what it raises.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import LakeError
from deeplake_nb.widgets.messages import VERSION
from deeplake_nb.widgets.requests import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_nb.widgets.messages import Buffers

    Handler = Callable[[dict[str, Any], Buffers, Callable[[], bool]], dict[str, Any]]
    Send = Callable[[dict[str, Any], Buffers], None]

_log = logging.getLogger(__name__)
_WORKERS = 4  # a filter and a histogram over many rows leave room for tiles


class Dispatcher:
    """Runs requests. ``handlers`` maps a kind to a function of the content, the reply's buffers and ``is_wanted``."""

    def __init__(self, send: Send, handlers: Mapping[str, Handler]) -> None:
        self._send = send
        self._handlers = handlers
        self._under_way: dict[int, Future[None]] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def receive(self, content: Any) -> None:
        """Take one message of the page; anything that is no request is logged and left."""
        number, kind = (content.get("id"), content.get("kind")) if isinstance(content, dict) else (None, None)
        if type(number) is not int or not isinstance(kind, str):
            _log.warning("a message of the page is no request: %.200r", content)
            return
        if kind == "cancel":
            self._cancel(number)
        elif content.get("v") != VERSION:
            self._fail(number, kind, "version", "The page and the kernel differ in version: reload the page.")
        elif kind not in self._handlers:
            self._fail(number, kind, "unknown-kind", f"The kernel knows no request {kind!r}.")
        else:
            self._start(number, kind, content)

    def close(self) -> None:
        """Drop what is under way and end the threads."""
        with self._lock:
            pool, self._pool = self._pool, None
            self._under_way.clear()
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, number: int, kind: str, content: dict[str, Any]) -> None:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="deeplake-nb-page")
            # registered under the lock that the worker takes first, so that it finds itself wanted
            self._under_way[number] = self._pool.submit(self._run, number, kind, content)

    def _cancel(self, number: int) -> None:
        with self._lock:
            future = self._under_way.pop(number, None)
        if future is not None:
            future.cancel()

    def _is_wanted(self, number: int) -> bool:
        with self._lock:
            return number in self._under_way

    def _run(self, number: int, kind: str, content: dict[str, Any]) -> None:
        buffers: Buffers = []
        try:
            if not self._is_wanted(number):
                return
            reply = self._handlers[kind](content, buffers, lambda: self._is_wanted(number))
            if self._is_wanted(number):
                self._send({"v": VERSION, "id": number, "kind": f"{kind}.ok", **reply}, buffers)
        except LakeError as error:
            self._fail(number, kind, error.kind, str(error))
        except RequestError as error:
            self._fail(number, kind, "request", str(error))
        except Exception:  # noqa: BLE001 - told to the page and the log: nobody else is there
            _log.exception("request %d (%s) of the page failed", number, kind)
            self._fail(number, kind, "internal", "This failed inside the kernel; its log has the traceback.")
        finally:
            with self._lock:
                self._under_way.pop(number, None)

    def _fail(self, number: int, kind: str, code: str, message: str) -> None:
        error = {"code": code, "message": message}
        self._send({"v": VERSION, "id": number, "kind": f"{kind}.error", "error": error}, [])
