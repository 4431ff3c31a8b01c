"""What users hold: datasets and tensors over a storage provider.

``opening`` finds a version as of one moment; ``state`` is what is known of it, loaded with few requests and lazily;
``reader`` turns rows into arrays, ``writer`` turns appended values into chunks, which go out while more come, and
flushes them in an order that can be interrupted anywhere. ``updates`` and ``rewriter`` change rows: chunks are written
anew under new names, and a ``journal`` makes several objects change as one. ``schema`` makes, renames and deletes
tensors; ``commits`` and ``merge`` make versions. ``dataset`` and ``tensor`` are the façades with v3's names, put
together from one part per subject (``versions``, ``structured``, ``changeable``, ``views``, ``placed``, ``keyed``),
which all stand on ``rows``; ``pickled`` hands them to other processes, ``training``, ``loader`` and ``tf_data`` hand
rows to PyTorch and TensorFlow. A filter is read by ``expression``, computed on whole ``columns`` by ``evaluation``,
block by block (``matching``); ``queries`` are v3's words for filters, read by ``clauses``. A dataset knows nothing of
credentials or hubs: links are opened, and datasets copied and named, by the ``host`` that the session hands in.

Rejected: rewriting chunks in place, as the original does. Whoever reads at that moment, or after a crash, would find
new samples with an old table.

Reading is thread-safe. Writing takes one lock per dataset; other threads may read meanwhile.

May import: ``storage`` (the protocol and functions over it), ``format``, ``errors``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    """v3 calls ``dataset(path)`` what loads or makes a dataset: once this package is imported, it has that name."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return sys.modules["deeplake_nb"].__getattr__("dataset")(*args, **options)


sys.modules[__name__].__class__ = _Package
