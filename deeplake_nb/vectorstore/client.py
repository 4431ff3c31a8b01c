"""The store as programs written for the original have it: those ask for more rows than there are, and get all."""

from __future__ import annotations

from typing import Any

import numpy as np

from deeplake_nb.vectorstore.store import VectorStore


class ClientStore(VectorStore):
    """What ``VectorStore`` means where ``stand_in()`` has made ``deeplake`` mean this package.

    LangChain asks for 4 rows unless its user says otherwise, and for 20 of which it takes some; LlamaIndex's users say
    how many of any store. In the original such a search gives what there is, and they count on that.
    """

    def _rows_wanted(self, k: Any, rows: int) -> int:
        is_number = isinstance(k, (int, np.integer)) and not isinstance(k, bool)
        return super()._rows_wanted(min(k, rows) if is_number else k, rows)
