"""The original's side of a vector store: run by its own interpreter.

It asks a hub who one is before it opens a store, wherever that lies: the environment variable HUB has ours.
"""

from __future__ import annotations

import answering  # the network is off from here on

# isort: split
import gc
import os

import deeplake
from deeplake.client import client
from deeplake.core import lock
from deeplake.core.vectorstore import VectorStore
from vectorstore_operations import OPERATIONS

deeplake.constants.SPINNER_ENABLED = False
client.HUB_REST_ENDPOINT = os.environ["HUB"]


def run(operation, path, **arguments):
    """One operation on the store at a path."""
    return OPERATIONS[operation](VectorStore, path, **arguments)


def release():
    """Give up every lock, as the end of a process would."""
    gc.collect()
    for one in list(lock._LOCKS.values()):
        one.release()
    lock._LOCKS.clear()
    lock._REFS.clear()


answering.serve({"run": run}, after=release)
