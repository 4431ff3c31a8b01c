"""Filling a vector store by the API of v3: the same code for deeplake 3.9 and for ours, asked for by name.

The original asks a hub who one is before it opens a store, wherever that lies: the environment variable HUB has ours.
"""

from __future__ import annotations

import importlib
import os
import sys

import answering  # the network is off from here on

# isort: split
import measured

deeplake = importlib.import_module(sys.argv[1])
if sys.argv[1] == "deeplake":
    importlib.import_module("deeplake.client.client").HUB_REST_ENDPOINT = os.environ["HUB"]
    deeplake.constants.SPINNER_ENABLED = False


def ingest(values, texts):
    """All rows of a new store; ends when they are stored."""
    store = deeplake.VectorStore("store", overwrite=True, verbose=False)
    pages = [{"page": at % 100, "source": f"file{at % 7}.txt"} for at in range(len(texts))]
    store.add(text=texts, metadata=pages, embedding=values)
    assert len(store) == len(texts)


answering.serve(measured.calls(globals()))
