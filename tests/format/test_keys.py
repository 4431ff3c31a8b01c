"""What objects are called."""

from __future__ import annotations

import pytest

from deeplake_nb.format import keys

OBJECTS = {
    keys.dataset_meta: "dataset_meta.json",
    keys.dataset_info: "dataset_info.json",
    keys.commit_info: "commit_info.json",
    keys.write_lock: "dataset_lock.lock",
}
OF_TENSORS = {
    keys.tensor_root: "g/t/",
    keys.tensor_meta: "g/t/tensor_meta.json",
    keys.tensor_info: "g/t/tensor_info.json",
    keys.chunk_ids: "g/t/chunks_index/unsharded",
    keys.tiles: "g/t/tiles_index/unsharded",
    keys.sequences: "g/t/sequence_index/unsharded",
    keys.creds_keys: "g/t/creds_index/unsharded",
    keys.commit_diff: "g/t/commit_diff",
    keys.chunk_set: "g/t/chunk_set",
}


@pytest.mark.parametrize(("commit", "prefix"), [(keys.FIRST_COMMIT, ""), ("abc", "versions/abc/")])
def test_objects_of_the_first_commit_are_at_the_root(commit, prefix):
    assert {name(commit) for name in OBJECTS} == {prefix + path for path in OBJECTS.values()}
    for name, path in OF_TENSORS.items():
        assert name(commit, "g/t") == prefix + path
    assert keys.chunk(commit, "g/t", "1f") == f"{prefix}g/t/chunks/1f"


def test_names_of_chunks_are_not_padded():
    assert keys.chunk_name(0x98D70076C0E413B) == "98d70076c0e413b"
