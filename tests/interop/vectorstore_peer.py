"""The original's side of a vector store: run by its own interpreter.

It asks a hub who one is before it opens a store, wherever that lies: the environment variable HUB has ours.
"""

from __future__ import annotations

import answering  # the network is off from here on

# isort: split
import os

import deeplake
from deeplake.client import client
from deeplake.core.vectorstore import VectorStore
from locks import release
from vectorstore_operations import OPERATIONS

deeplake.constants.SPINNER_ENABLED = False
client.HUB_REST_ENDPOINT = os.environ["HUB"]


def run(operation, path, **arguments):
    """One operation on the store at a path."""
    return OPERATIONS[operation](VectorStore, path, **arguments)


answering.serve({"run": run}, after=release)
