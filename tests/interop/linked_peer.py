"""The original's side for links with credentials keys; as `peer.py`, but it may reach this machine's own servers."""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback
import warnings

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # the original prints

_resolve = socket.getaddrinfo


def loopback_only(host, *arguments, **options):
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise OSError("the tests' original has no network")
    return _resolve(host, *arguments, **options)


socket.getaddrinfo = loopback_only
warnings.simplefilter("ignore")

import deeplake  # noqa: E402

deeplake.constants.SPINNER_ENABLED = False


def write(path, links, given):
    """A dataset whose links name keys; those of ``given`` get their credentials first."""
    ds = deeplake.empty(path, overwrite=True, verbose=False)
    ds.create_tensor("images", htype="link[image]", sample_compression="jpeg")
    for name, creds in given.items():
        ds.add_creds_key(name)
        ds.populate_creds(name, creds)
    ds.images.extend([deeplake.link(url, creds_key=name) for url, name in links])


def read(path, given):
    """Names as they are kept, and what the links lead to."""
    ds = deeplake.load(path, read_only=True, verbose=False)
    for name, creds in given.items():
        ds.populate_creds(name, creds)
    kept = ds.link_creds
    return {
        "creds_keys": kept.creds_keys,
        "managed_creds_keys": sorted(kept.managed_creds_keys),
        "used_creds_keys": sorted(kept.used_creds_keys),
        "means": [int(ds.images[row].numpy().mean()) // 10 * 10 for row in range(len(ds))],
    }


def go_on(path, given, links, renamed):
    """Append, and give keys other names."""
    ds = deeplake.load(path, verbose=False, read_only=False)
    for name, creds in given.items():
        if name not in ds.get_creds_keys():
            ds.add_creds_key(name)
        ds.populate_creds(name, creds)
    ds.images.extend([deeplake.link(url, creds_key=name) for url, name in links])
    for old, new in renamed.items():
        ds.update_creds_key(old, new)


CALLS = {f.__name__: f for f in (write, read, go_on)}

for line in sys.stdin:
    call = json.loads(line)
    os.chdir(call.pop("folder"))
    try:
        answer = {"gives": CALLS[call.pop("do")](**call)}
    except Exception as error:  # noqa: BLE001 - the caller gets it
        answer = {"error": type(error).__name__, "trace": traceback.format_exc()}
    print(json.dumps(answer), file=ANSWERS, flush=True)
