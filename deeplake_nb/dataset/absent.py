"""Names of v3 that there are not here, and what to do instead of each."""

from __future__ import annotations

from typing import Final

from deeplake_nb.errors import AbsentError

_INDEX = "its similarity indexes are written by a closed library; VectorStore searches, and keeps an index of its own"
_INSIDE = "it is part of the original's inside"
ABSENT: Final[dict[str, dict[str, str]]] = {
    "deeplake_nb": {
        "config": _INSIDE,
        "compressions": "create_tensor names those that it takes when it is given another",
        "htypes": "create_tensor names those that it takes when it is given another",
        "export_yolo": "write the files in a loop over rows, from row.images.tobytes() and row.boxes.numpy()",
        "ingest_huggingface": "load with the datasets package, and pass its to_pandas() to ingest_dataframe",
        "ingest_kaggle": "download with Kaggle's own client, and pass the folder to ingest_classification",
        "random": "draw rows with numpy.random.default_rng(seed), as ds[rng.permutation(len(ds))]",
        "tensor": "the class is deeplake_nb.Tensor",
    },
    "Dataset": {
        "client": "it belongs to a closed service; deeplake_nb.hub() is the hub in force",
        "fix_vc": "fsck(repair=True) mends this and more",
        "maybe_flush": "flush() writes what is not written yet",
        "rechunk": "chunks are of a good size after every change; copy(tensors=...) writes all of them anew",
        "regenerate_vdb_indexes": _INDEX,
        "set_token": "load the dataset with token=",
        "token": "tokens of a hub stay with the session: deeplake_nb.hub() says who it takes you for",
        "username": "commits are signed as 'public'; deeplake_nb.hub() says who it takes you for",
    },
    "Tensor": {
        **dict.fromkeys(("chunk_engine", "check_supported_tensor", "is_empty_tensor", "pad_tensor"), _INSIDE),
        **dict.fromkeys(("invalidate_libdeeplake_dataset", "is_inverted_index", "is_partitioned_vdb_index"), _INDEX),
        **dict.fromkeys(("deserialize_inverted_index", "deserialize_partitions", "unload_vdb_index_cache"), _INDEX),
        **dict.fromkeys(("create_vdb_index", "delete_vdb_index", "load_vdb_index", "update_vdb_index"), _INDEX),
        **dict.fromkeys(("get_vdb_indexes", "fetch_vdb_indexes"), _INDEX),
        "timestamps": "frames are numbered; with the frame rate in sample_info they are at number / rate seconds",
    },
}


def absent(kind: str, name: str) -> AbsentError | None:
    """What to say of a name of v3 that is asked for; None for one that v3 has not either."""
    instead = ABSENT[kind].get(name)
    return None if instead is None else AbsentError(f"{kind}.{name} of v3 is not here: {instead}")
