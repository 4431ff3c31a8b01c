"""What a user does with a vector store, for either implementation, passed in as a class; imports nothing of either."""

from __future__ import annotations

import numpy as np

WIDTH = 24


def texts(count, first=0):
    return [f"text {number} caf\u00e9" for number in range(first, first + count)]


def embed(values):
    """Vectors that depend on the texts alone."""
    seeds = [int("".join(filter(str.isdigit, str(np.ravel(value)[0]))) or 0) for value in values]
    rows = [np.random.RandomState(seed).standard_normal(WIDTH) for seed in seeds]
    return [row.astype("float32") for row in rows]


def write(store, path, count=60, commit=False, **options):
    """A new store in two batches."""
    made = store(path, verbose=False, overwrite=True, **options)
    for first in range(0, count, 40):
        some = texts(min(40, count - first), first)
        made.add(
            text=some,
            metadata=[{"page": number % 5, "odd": bool(number % 2), "of": some[number]} for number in range(len(some))],
            embedding_function=embed,
            embedding_data=some,
            id=[f"id{first + number}" for number in range(len(some))],
        )
    if commit:
        made.commit()
    return len(made)


def add(store, path, count, first):
    """More rows, with embeddings given; the ids."""
    made = store(path, verbose=False)
    some = texts(count, first)
    return made.add(
        text=some,
        metadata=[{}] * count,
        embedding=[row.tolist() for row in embed(some)],
        id=[f"id{first + number}" for number in range(count)],
        return_ids=True,
    )


def read(store, path):
    """All there is."""
    made = store(path, verbose=False, read_only=True)
    ds = made.dataset
    return {
        "tensors": {
            name: [one.htype, str(one.meta.dtype), list(one.meta.links)] for name, one in made.tensors().items()
        },
        "length": len(made),
        "text": ds.text.data(aslist=True)["value"],
        "metadata": ds.metadata.data(aslist=True)["value"],
        "id": ds.id.data(aslist=True)["value"],
        "embedding": ds.embedding.numpy().tolist(),
    }


def search(store, path, word, **options):
    """An exact search."""
    made = store(path, verbose=False, read_only=True)
    found = made.search(embedding=embed([word])[0], exec_option="python", **options)
    found["score"] = [float(score) for score in found["score"]]
    return {name: values for name, values in found.items() if name != "embedding"}


def filtered(store, path, wanted):
    """A filter alone."""
    return store(path, verbose=False, read_only=True).search(filter=wanted, exec_option="python")


def delete(store, path, **arguments):
    """Remove rows; how many are left."""
    made = store(path, verbose=False)
    assert made.delete(**arguments, exec_option="python")
    return len(made)


def update(store, path, ids):
    """Make embeddings anew, of the metadata."""
    made = store(path, verbose=False)
    made.update_embedding(
        ids=ids, embedding_function=lambda values: np.full((len(values), WIDTH), 0.5, "float32"), exec_option="python"
    )
    return made.dataset.embedding.numpy().tolist()


def narrow(store, path):
    """Embeddings of all rows made anew by a model of another width."""
    made = store(path, verbose=False)
    made.update_embedding(
        filter={},
        embedding_function=lambda values: np.eye(len(values), 7, dtype="float32"),
        exec_option="python",
    )


def nearest(store, path, embedding):
    """The id of the nearest row."""
    made = store(path, verbose=False, read_only=True)
    return made.search(embedding=embedding, k=1, exec_option="python")["id"]


OPERATIONS = {one.__name__: one for one in (write, add, read, search, filtered, delete, update, narrow, nearest)}
