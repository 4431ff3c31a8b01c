"""The tensors of a vector store: those it is made with, and which of them hold embeddings and ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import VectorStoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.dataset.tensor import Tensor

_BARE = {"create_id_tensor": False, "create_sample_info_tensor": False, "create_shape_tensor": False}

DEFAULT_TENSORS: Sequence[Mapping[str, Any]] = (
    {"name": "text", "htype": "text", **_BARE},
    {"name": "metadata", "htype": "json", **_BARE},
    {
        "name": "embedding",
        "htype": "embedding",
        "dtype": "float32",
        **_BARE,
        "create_shape_tensor": True,
        "max_chunk_size": 64 << 20,
    },
    {"name": "id", "htype": "text", **_BARE},
)
"""As v3 makes them."""

_IDS = ("ids", "id")
_EMBEDDINGS = ("embedding", "embeddings")
_MODEL = ("model", "deployment", "embedding_ctx_length", "chunk_size", "max_retries")
"""What is kept of the model that makes the embeddings."""


def described(tensors: Any) -> list[dict[str, Any]]:
    """What tensors to make, v3's four for None; one for ids is added where there is none.

    Raises:
        VectorStoreError: no embedding tensor, one name twice, or a description that is none.
    """
    given = DEFAULT_TENSORS if tensors is None else tensors
    is_listed = isinstance(given, Iterable) and not isinstance(given, Mapping)
    wanted = [dict(one) if isinstance(one, Mapping) else {} for one in (given if is_listed else [{}])]
    if any("name" not in one for one in wanted):
        raise VectorStoreError('tensor_params is a list of dicts such as {"name": "text", "htype": "text"}')
    names = [one["name"] for one in wanted]
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise VectorStoreError(f"tensor_params has {twice[0]!r} twice: give each tensor a name of its own")
    if not any(one.get("htype") == "embedding" or one["name"] in _EMBEDDINGS for one in wanted):
        raise VectorStoreError(
            f'tensor_params has no embedding tensor, only {names}; add {{"name": "embedding", "htype": "embedding"}}'
        )
    return wanted if any(name in _IDS for name in names) else [*wanted, dict(DEFAULT_TENSORS[-1])]


def create(dataset: Dataset, tensors: Sequence[Mapping[str, Any]], embedding_function: Any) -> None:
    """Make the tensors, and keep what is known of the model that makes the embeddings."""
    with dataset:
        for one in tensors:
            dataset.create_tensor(**one)
        found = embedding_tensors(dataset)
        if embedding_function is not None and len(found) == 1:
            known = {name: getattr(embedding_function, name, None) for name in _MODEL}
            plain = {name: one if isinstance(one, (str, int, float)) else None for name, one in known.items()}
            dataset[found[0]].info["embedding"] = plain


def check(dataset: Dataset) -> None:
    """Make sure that a dataset is a vector store.

    Raises:
        VectorStoreError: it has no embeddings, or no ids.
    """
    names = dataset.tensors
    found = {"embedding": embedding_tensors(dataset), "id": [name for name in _IDS if name in names]}
    for what, there in found.items():
        if not there:
            raise VectorStoreError(
                f"{dataset.path} is no vector store: it has no {what!r} tensor, only "
                f"{', '.join(names) or 'none at all'}; add one, or open it with load()"
            )


def id_tensor(dataset: Dataset) -> str:
    """The name of the tensor that holds ids; old stores call it ``ids``."""
    return next(name for name in _IDS if name in dataset.tensors or name == _IDS[-1])


def is_embedding(tensor: Tensor) -> bool:
    """Whether a tensor holds embeddings: by its htype, or by its name."""
    return tensor.htype == "embedding" or tensor.name in _EMBEDDINGS


def embedding_tensors(dataset: Dataset) -> list[str]:
    """Names of the tensors that hold embeddings."""
    return [name for name, tensor in dataset.tensors.items() if is_embedding(tensor)]
