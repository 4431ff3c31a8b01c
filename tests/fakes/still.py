"""A storage that costs nothing but waiting: every answer comes after a while, from memory, in a process of its own.

``GET /anything/n1000`` answers with 1,000 zeros; what is written is thrown away, and taken for zeros. It speaks as much
of S3, of Azure's blob API and of Google's JSON API as reading and writing objects takes, in parts, too, so that what is
measured is the client.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import re
import subprocess
import sys

import google_crc32c

_BODY = memoryview(bytes(64 << 20))
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_OBJECT = re.compile(rb"(?:/|%2[Ff])n(\d+)")
_RANGE = re.compile(rb"(?i)\r\n(?:x-ms-)?range: *bytes=(\d+)-(\d+)")
_PART = re.compile(rb"(?i)\r\ncontent-range: *bytes \d+-(\d+)/(\d+)")
_BEGUN = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
_COMPLETED = b'<CompleteMultipartUploadResult><ETag>"still"</ETag></CompleteMultipartUploadResult>'
_HEADERS = b'ETag: "still"\r\nLast-Modified: Sun, 01 Jan 2023 00:00:00 GMT\r\n'


@functools.cache
def _checksum(nbytes):
    """That of Google, which its client and ours check."""
    return base64.b64encode(google_crc32c.Checksum(bytes(min(nbytes, len(_BODY)))).digest())


def answer(head):
    """Status, headers and body of the answer to a request, by the text before its body."""
    method, target, _ = head.split(b" ", 2)
    path, _, query = target.partition(b"?")
    if method == b"PUT":
        return _put(head)
    if method == b"POST":
        return _posted(head, query)
    found = _OBJECT.search(path)
    nbytes = int(found[1]) if found else 0
    asked = _RANGE.search(head)
    if not asked or method != b"GET":
        return 200, _HEADERS + b"x-goog-hash: crc32c=%s\r\n" % _checksum(nbytes), _BODY[:nbytes]
    start, stop = int(asked[1]), min(int(asked[2]) + 1, nbytes)
    return 206, _HEADERS + b"Content-Range: bytes %d-%d/%d\r\n" % (start, stop - 1, nbytes), _BODY[start:stop]


def _put(head):
    """An object or a part; Google tells how far it is."""
    part = _PART.search(head)
    if part is None:
        return 201, _HEADERS, b""
    if int(part[1]) + 1 < int(part[2]):
        return 308, _HEADERS + b"Range: bytes=0-%s\r\n" % part[1], b""
    return 200, _HEADERS, b'{"crc32c": "%s"}' % _checksum(int(part[2]))


def _posted(head, query):
    """The beginning or the end of what comes in parts, or an object at Google."""
    headers, body = _HEADERS, b"{}"
    if b"uploadType=resumable" in query:
        headers += b"Location: http://%s/session\r\n" % re.search(rb"(?i)\r\nhost: *(\S+)", head)[1]
    elif b"uploadType" not in query:
        body = _BEGUN if b"uploads" in query else _COMPLETED
    return 200, headers, body


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
            head = bytes(self._received[: end + 2])
            del self._received[: end + 4]
            if b"100-continue" in head:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = _LENGTH.search(head)
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
        status, headers, body = answer(head)
        self._transport.write(b"HTTP/1.1 %d OK\r\n%sContent-Length: %d\r\n\r\n" % (status, headers, len(body)))
        if not head.startswith(b"HEAD"):
            self._transport.write(body)


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
