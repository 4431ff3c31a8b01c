"""A storage that costs nothing but waiting: every answer comes after a while, from memory, in a process of its own.

``GET /anything/n1000`` answers with 1,000 bytes; what is written is thrown away. It speaks as much of S3 as reading and
writing objects takes, so that what is measured is the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys

_BODY = memoryview(bytes(64 << 20))


class _Still(asyncio.Protocol):
    def __init__(self, seconds):
        self._seconds = seconds
        self._received = bytearray()
        self._head = b""
        self._missing = 0  # bytes of a body that are still to come

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        if self._missing:  # a body is not looked at
            skipped = min(self._missing, len(data))
            self._missing -= skipped
            data = data[skipped:]
            if self._missing:
                return
            self._later(self._head)
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end])
            del self._received[: end + 4]
            if b"100-continue" in head:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            missing = int(length[1]) if length else 0
            skipped = min(missing, len(self._received))
            del self._received[:skipped]
            self._missing = missing - skipped
            if self._missing:
                self._head = head
                return
            self._later(head)

    def _later(self, head):
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self._answer, head)
        else:
            self._answer(head)

    def _answer(self, head):
        method, path, _ = head.split(b" ", 2)
        found = re.search(rb"/n(\d+)", path)
        nbytes = int(found[1]) if found and method in (b"GET", b"HEAD") else 0
        self._transport.write(b'HTTP/1.1 200 OK\r\nETag: "still"\r\nContent-Length: %d\r\n\r\n' % nbytes)
        if method == b"GET":
            self._transport.write(_BODY[:nbytes])


async def _serve(seconds):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Still(seconds), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - to whoever started it
    await server.serve_forever()


@contextlib.contextmanager
def still_server(seconds=0.0):
    """The endpoint of one whose answers take so long."""
    command = [sys.executable, "-m", "tests.fakes.still", str(seconds)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
