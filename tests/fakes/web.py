"""A web server on this machine: files with ranges, and whatever else a test says about a path."""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class WebServer:
    """``files`` by decoded path; ``pages`` by path as asked for, each a function of the request's handler.

    ``requests`` holds ``(method, path, headers)``, headers in Title-Case. With ``ranges`` off every answer is a whole
    file.
    """

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.files = {}
        self.pages = {}
        self.requests = []
        self.ranges = True

    def answer(self, handler):
        headers = {name.title(): value for name, value in handler.headers.items()}
        self.requests.append((handler.command, handler.path, headers))
        page = self.pages.get(handler.path)
        if page is not None:
            page(handler)
            return
        content = self.files.get(unquote(handler.path.partition("?")[0], errors="surrogateescape")[1:])
        if content is None:
            send(handler, 404, b"no such page")
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("Range", "")) if self.ranges else None
        if wanted is None:
            send(handler, 200, content)
            return
        first, last = int(wanted[1]), min(int(wanted[2]), len(content) - 1)
        if first >= len(content):
            send(handler, 416, b"", {"Content-Range": f"bytes */{len(content)}"})
        else:
            span = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
            send(handler, 206, content[first : last + 1], span)


def send(handler, status, body, headers=None):
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        if value is not None:
            handler.send_header(name, value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def redirect(location, status=302):
    return lambda handler: send(handler, status, b"elsewhere", {"Location": location})


@contextlib.contextmanager
def web_server(certificate=None, host="127.0.0.1"):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                web.answer(self)

        do_GET = do_HEAD = do_CONNECT = answer  # noqa: N815

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request, client_address):
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_name("key.pem"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        web = WebServer(f"{scheme}://{host}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()
