"""The program of `moto.py`: moto's server, with conditional puts in one step as S3 does them.

moto checks for the key and stores it in two steps, so that of two writers who race both can win.
"""

from __future__ import annotations

import sys
import threading

from moto import server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

_CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH")
_one_at_a_time = threading.Lock()


class _Application(DomainDispatcherApplication):
    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "GET" or not any(name in environ for name in _CONDITIONS):
            return super().__call__(environ, start_response)
        with _one_at_a_time:
            return super().__call__(environ, start_response)


server.DomainDispatcherApplication = _Application

if __name__ == "__main__":
    server.main(sys.argv[1:])
