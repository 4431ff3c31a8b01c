"""The original's side: run by its own interpreter, told what to do by JSON lines, answering in JSON lines.

Each call is `{"do": name of a function below, ...its arguments}`; each answer `{"gives": ...}` or `{"error", "trace"}`.
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
os.dup2(2, 1)  # the original prints


def refuse(*_):
    raise OSError("the tests' original has no network")


socket.getaddrinfo = refuse  # it asks for newer versions of itself
warnings.simplefilter("ignore")

import deeplake  # noqa: E402
import values  # noqa: E402
from deeplake.core import lock  # noqa: E402
from programs import EVERY  # noqa: E402

deeplake.constants.SPINNER_ENABLED = False
held = {}


def program(name):
    """Run a program in the working folder."""
    EVERY[name](deeplake)


def describe(path):
    """Every branch and commit of a dataset, written beside it as `expected.json` and `expected.npz`."""
    book = values.Book()
    ds = deeplake.load(path, read_only=True, verbose=False)
    nodes = ds.version_state["commit_node_map"]
    addresses = [*ds.branches, *(commit for commit, node in nodes.items() if not node.is_head_node)]
    versions = {}
    for address in addresses:
        ds = deeplake.load(f"{path}@{address}", read_only=True, verbose=False)
        for key in ds.link_creds.missing_keys:
            ds.populate_creds(key, {})
        versions[address] = values.describe(book, ds, list(ds.meta.tensor_names))
    values.write(".", {"branches": list(ds.branches), "versions": versions}, book)


def check(path):
    """What the original says of a dataset: its summary, after it has looked for inconsistencies in every version."""
    ds = deeplake.load(path, read_only=True, verbose=False, check_integrity=True)
    for address in [*ds.branches, *ds.version_state["commit_node_map"]]:
        deeplake.load(f"{path}@{address}", read_only=True, verbose=False, check_integrity=True)
    ds.summary()
    return str(ds)


def append(path, columns, branch="main", commit=None, count=1):
    """Append `count` further rows to some columns, and commit if a message is given."""
    ds = deeplake.load(f"{path}@{branch}", verbose=False, read_only=False)
    with ds:
        for name in columns:
            tensor = ds[name]
            for number in range(count):
                tensor.append(
                    tensor[number % len(tensor)].data()["value"]
                    if tensor.base_htype != "polygon"
                    else tensor[number].numpy()
                )
    return ds.commit(commit) if commit else None


def hold(path):
    """Open for writing, which takes the lock, and keep it."""
    held[path] = deeplake.load(path, verbose=False, read_only=False)


def free(path):
    """Let go of what `hold` took."""
    del held[path]
    release()


def release():
    """Give up every lock, as the end of a process would."""
    gc.collect()
    for one in list(lock._LOCKS.values()):
        one.release()
    lock._LOCKS.clear()
    lock._REFS.clear()


CALLS = {f.__name__: f for f in (program, describe, check, append, hold, free)}

for line in sys.stdin:
    call = json.loads(line)
    os.chdir(call.pop("folder"))
    try:
        answer = {"gives": CALLS[call.pop("do")](**call)}
    except Exception as error:  # noqa: BLE001 - the caller gets it
        answer = {"error": type(error).__name__, "trace": traceback.format_exc()}
    if not held:
        release()
    print(json.dumps(answer), file=ANSWERS, flush=True)
