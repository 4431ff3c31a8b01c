"""An HTTP server on this machine that answers what a test tells it to."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """``body`` may be shorter than ``declared`` bytes: the connection then breaks off in the middle."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    declared: int | None = None


def refusal(status, code, **headers):
    """An error document as S3 writes it; the token field is what AWS adds to some of them."""
    body = f"<Error><Code>{code}</Code><Message>said by the server</Message><Token-0>c4nary</Token-0></Error>"
    return Answer(status, body.encode(), {"Content-Type": "application/xml", **headers})


class CannedServer:
    """Gives the answers in order, the last one again and again; ``requests`` holds ``(method, path, headers)``.

    ``bodies`` has what came with them.
    """

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.answers = []
        self.requests = []
        self.bodies = []

    def next_answer(self, request):
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextlib.contextmanager
def canned_server():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            canned.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            answer = canned.next_answer((self.command, self.path, dict(self.headers)))
            length = len(answer.body) if answer.declared is None else answer.declared
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(length)}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)
                self.close_connection = length != len(answer.body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        canned = CannedServer(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield canned
        finally:
            server.shutdown()
            thread.join()
