"""What each object of a dataset is called. No other file builds a key.

Objects of the first commit live at the root of the dataset, those of any other commit below ``versions/<commit>/``.
``tensor`` is always the tensor *key* (which survives a rename), never its current name.
"""

from __future__ import annotations

FIRST_COMMIT = "firstdbf9474d461a19e9333c2fd19b46115348f"
"""The fixed id of every dataset's first commit."""

FORMAT_VERSION = "3.9.52"
"""What we write where the format asks for a version: the last release that defined it."""

VERSION_CONTROL = "version_control_info.json"
PICKLED_VERSION_CONTROL = "version_control_info"
VERSION_CONTROL_LOCK = "version_control_info.lock"
VIEWS = ".queries/"
VIEWS_LIST = "queries.json"
VIEWS_LOCK = "queries.lock"
LINKED_CREDS = "linked_creds.json"
BESIDE = ".deeplake_nb/"
"""What is kept with a dataset and is no part of it, such as indexes; the original knows nothing of it."""
DATASET_META = "dataset_meta.json"


def root(commit: str) -> str:
    """Prefix of everything that belongs to one commit; empty for the first."""
    return "" if commit == FIRST_COMMIT else f"versions/{commit}/"


def dataset_meta(commit: str) -> str:
    """Which tensors and groups exist."""
    return f"{root(commit)}{DATASET_META}"


def dataset_info(commit: str) -> str:
    """The user's own description of the dataset."""
    return f"{root(commit)}dataset_info.json"


def dataset_diff(commit: str) -> str:
    """What this commit changed in the dataset itself: info, names, tensors that are gone."""
    return f"{root(commit)}dataset_diff"


def commit_info(commit: str) -> str:
    """A copy of this commit's node of the version tree."""
    return f"{root(commit)}commit_info.json"


def journal(commit: str) -> str:
    """Exists while several objects of this commit are being changed as one; unknown to the original."""
    return f"{root(commit)}dataset_journal"


def write_lock(commit: str) -> str:
    """Held by whoever writes to this commit."""
    return f"{root(commit)}dataset_lock.lock"


def tensor_root(commit: str, tensor: str) -> str:
    """Prefix of everything of one tensor in one commit."""
    return f"{root(commit)}{tensor}/"


def tensor_meta(commit: str, tensor: str) -> str:
    """htype, dtype, length and the like of one tensor."""
    return f"{root(commit)}{tensor}/tensor_meta.json"


def tensor_info(commit: str, tensor: str) -> str:
    """The user's and the htype's own description of one tensor."""
    return f"{root(commit)}{tensor}/tensor_info.json"


def chunk(commit: str, tensor: str, name: str) -> str:
    """One chunk of samples."""
    return f"{root(commit)}{tensor}/chunks/{name}"


def chunk_name(chunk_id: int) -> str:
    """A chunk's file name: its id in hexadecimal, never padded with zeros."""
    return f"{chunk_id:x}"


def chunk_ids(commit: str, tensor: str) -> str:
    """Which chunk holds which row."""
    return f"{root(commit)}{tensor}/chunks_index/unsharded"


def tiles(commit: str, tensor: str) -> str:
    """Which samples are cut into tiles."""
    return f"{root(commit)}{tensor}/tiles_index/unsharded"


def sequences(commit: str, tensor: str) -> str:
    """Which items make up which row of a sequence tensor."""
    return f"{root(commit)}{tensor}/sequence_index/unsharded"


def creds_keys(commit: str, tensor: str) -> str:
    """Which named credentials open which link."""
    return f"{root(commit)}{tensor}/creds_index/unsharded"


def commit_diff(commit: str, tensor: str) -> str:
    """What this commit changed in one tensor."""
    return f"{root(commit)}{tensor}/commit_diff"


def chunk_set(commit: str, tensor: str) -> str:
    """Which chunks were written in this commit; the first commit has none."""
    return f"{root(commit)}{tensor}/chunk_set"
