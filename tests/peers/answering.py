"""A peer's own side: run by its interpreter, imported before anything that prints or looks for a network.

Each call is `{"do": name of a function, "folder": where, ...its arguments}`; each answer `{"gives": ...}` or
`{"error", "trace"}`.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import traceback
import warnings

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # some packages print

_resolve = socket.getaddrinfo


def loopback_only(host, *arguments, **options):
    """No package asks for newer versions of itself."""
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise OSError("a peer of the tests has no network beyond this machine")
    return _resolve(host, *arguments, **options)


socket.getaddrinfo = loopback_only
warnings.simplefilter("ignore")


def serve(calls, after=lambda: None):
    """Answer until there are no more lines. `after` runs before each answer is given."""
    gc.collect()
    gc.freeze()  # what was imported stays: a collection after each call need not look at it
    for line in sys.stdin:
        call = json.loads(line)
        os.chdir(call.pop("folder"))
        try:
            answer = {"gives": calls[call.pop("do")](**call)}
        except Exception as error:  # noqa: BLE001 - the caller gets it
            answer = {"error": type(error).__name__, "trace": traceback.format_exc()}
        after()
        print(json.dumps(answer), file=ANSWERS, flush=True)
