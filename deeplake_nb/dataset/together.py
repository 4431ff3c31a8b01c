"""The same rows of several tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.storage.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deeplake_nb.dataset.host import OpenLinks
    from deeplake_nb.dataset.tensor import Tensor
    from deeplake_nb.errors import LakeError
    from deeplake_nb.format.samples import StoredSample

    Stored = StoredSample | LakeError | Sequence[StoredSample | LakeError]


def stored_of(
    tensors: Sequence[Tensor], rows: Sequence[int], open_links: OpenLinks | None = None
) -> dict[str, Sequence[Stored]]:
    """What ``Tensor.stored`` gives of each, by name. Where the storage waits for its answers, all are read at once.

    Costs the requests of the one with most of them, one after another, and a thread for each tensor.

    Raises:
        RowError: out of range.
    """
    each = {tensor.name: tensor for tensor in tensors}
    workers = min(len(each), max((tensor._state.storage.concurrency for tensor in each.values()), default=1))  # noqa: SLF001
    read = in_parallel(lambda name: (name, each[name].stored(rows, open_links)), each, workers)
    return dict(read)
