"""Filling a table of texts, metadata and embeddings by the API of deeplake 4."""

from __future__ import annotations

import shutil

import answering  # the network is off from here on

# isort: split
import deeplake
import measured
from deeplake import types


def ingest(values, texts):
    """All rows of a new dataset; ends when they are stored."""
    shutil.rmtree("store", ignore_errors=True)
    ds = deeplake.create("store")
    columns = {"text": types.Text(), "metadata": types.Dict(), "embedding": types.Embedding(values.shape[1])}
    for name, kind in {**columns, "id": types.Text()}.items():
        ds.add_column(name, kind)
    pages = [{"page": at % 100, "source": f"file{at % 7}.txt"} for at in range(len(texts))]
    ds.append({"text": texts, "metadata": pages, "embedding": values, "id": [str(at) for at in range(len(texts))]})
    ds.commit()


answering.serve(measured.calls(globals()))
