"""A proxy that breaks what passes through it, as a network and an overloaded storage do.

A test gives it faults, one for each request that comes (``None`` lets it pass); when they are used up all pass. A fault
is a function of the `Exchange`. Headers go through as they are, so that signatures stay valid.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.canned import Answer, refusal


class Exchange:
    """One request, and what can be done about it."""

    def __init__(self, handler, upstream):
        self.method, self.path, self.headers = handler.command, handler.path, handler.headers
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self._handler = handler
        self._upstream = upstream

    def forward(self):
        """What the server answers."""
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        try:
            connection.request(self.method, self.path, self.body, dict(self.headers.items()))
            found = connection.getresponse()
            body = found.read()
        finally:
            connection.close()
        kept = {name: value for name, value in found.getheaders() if name.lower() not in _HOP_BY_HOP}
        length = len(body) if self.method != "HEAD" else int(found.headers.get("Content-Length", 0))
        return Answer(found.status, body, kept, declared=length)

    def head(self, answer):
        self._handler.send_response_only(answer.status)
        length = len(answer.body) if answer.declared is None else answer.declared
        for name, value in {
            "Date": self._handler.date_time_string(),
            **answer.headers,
            "Content-Length": str(length),
        }.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()
        self._handler.wfile.flush()

    def send(self, data):
        if self.method != "HEAD":
            self._handler.wfile.write(data)
            self._handler.wfile.flush()

    def answer(self, answer):
        self.head(answer)
        self.send(answer.body)

    def close(self):
        """End the connection as if all were well."""
        self._handler.close_connection = True
        with contextlib.suppress(OSError):
            self._handler.connection.shutdown(socket.SHUT_RDWR)

    def reset(self):
        """End the connection as if the machine had vanished."""
        self._handler.close_connection = True
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.connection.close()


_HOP_BY_HOP = {"content-length", "transfer-encoding", "connection", "keep-alive"}


# The faults


def status(number, code="Injected", **headers):
    """The storage refuses, with an error document as S3 writes it."""
    return lambda exchange: exchange.answer(refusal(number, code, **headers))


def reset(exchange):
    """The connection breaks before the request reaches the storage."""
    exchange.reset()


def lost(exchange):
    """The storage did it, and its answer is lost."""
    exchange.forward()
    exchange.reset()


def silent(seconds):
    """Nothing comes for a while, and then nothing at all."""

    def fault(exchange):
        time.sleep(seconds)
        exchange.reset()

    return fault


def truncated(nbytes, *, rudely=False):
    """The body breaks off after ``nbytes``."""

    def fault(exchange):
        answer = exchange.forward()
        exchange.head(answer)
        exchange.send(answer.body[:nbytes])
        exchange.reset() if rudely else exchange.close()

    return fault


def slow(nbytes, seconds):
    """The body comes in pieces of ``nbytes``, one every so many seconds."""

    def fault(exchange):
        answer = exchange.forward()
        exchange.head(answer)
        for start in range(0, len(answer.body), nbytes):
            exchange.send(answer.body[start : start + nbytes])
            time.sleep(seconds)

    return fault


def delayed(seconds):
    """All is well, but late."""

    def fault(exchange):
        time.sleep(seconds)
        exchange.answer(exchange.forward())

    return fault


class FaultProxy:
    """``faults`` are used up in order; ``always`` is asked for one when there are none left.

    ``seen`` holds ``(method, path)`` of every request, and ``unexpected`` what went wrong in the proxy itself.
    """

    def __init__(self, upstream):
        self.upstream = upstream
        self.faults = []
        self.always = lambda exchange: None
        self.seen = []
        self.unexpected = []
        self._lock = threading.Lock()

    def handle(self, handler):
        with self._lock:
            exchange = Exchange(handler, self.upstream)
            self.seen.append((exchange.method, exchange.path))
            fault = self.faults.pop(0) if self.faults else self.always(exchange)
        try:
            if fault is None:
                exchange.answer(exchange.forward())
            else:
                fault(exchange)
        except (BrokenPipeError, ConnectionResetError):  # the client had enough
            handler.close_connection = True
        except Exception as error:
            self.unexpected.append(error)
            raise


@contextlib.contextmanager
def fault_proxy(endpoint):
    """A proxy in front of ``http://host:port``."""
    proxy = FaultProxy(endpoint.removeprefix("http://"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one(self):
            proxy.handle(self)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = handle_one  # noqa: N815

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request, client_address):
            pass  # a broken connection is the purpose; what is not ends up in ``unexpected``

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
