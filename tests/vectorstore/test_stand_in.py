"""The original's names, in a process of their own: there it must not have been imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAMS = {
    "what clients import": """
import deeplake
from deeplake import VectorStore
from deeplake.core.dataset import Dataset
from deeplake.core.fast_forwarding import version_compare
from deeplake.core.vectorstore import DeepLakeVectorStore, VectorStore as one
from deeplake.core.vectorstore.deeplake_vectorstore import VectorStore as other
from deeplake.util.exceptions import DatasetHandlerError, SampleExtendError, TensorDoesNotExistError
assert VectorStore is one is other is DeepLakeVectorStore is deeplake.VectorStore
assert deeplake.__version__ == "3.9.52" and version_compare(deeplake.__version__, "3.6.7") == 1
assert version_compare("3.6", "3.6.7") == -1 and version_compare("4.0.0", "4.0.0") == 0
ds = deeplake.empty("mem://x")
assert isinstance(ds, Dataset)
try:
    ds["nothing"]
except TensorDoesNotExistError:
    pass
else:
    raise AssertionError
""",
    "more rows than there are": """
import numpy as np
import deeplake
from deeplake_nb.errors import VectorStoreError
found = []
for kind in (deeplake.VectorStore, deeplake_nb.VectorStore):
    store = kind("mem://words", verbose=False)
    store.add(text=["a", "b", "c"], metadata=[{}] * 3, embedding=np.eye(3, dtype="float32"))
    for k in (20, np.int64(20), 0, True, "x"):
        try:
            found.append(store.search(embedding=[0, 2, 1], k=k)["text"])
        except VectorStoreError as error:
            found.append(str(error)[:5])
all_rows, refused = ["b", "c", "a"], "k is "
assert found == [all_rows, all_rows, refused, refused, refused, "k=20 ", "k=20 ", refused, refused, refused], found
""",
    "once more": "deeplake_nb.stand_in(); import deeplake.core.vectorstore",
    "what is not there": """
try:
    from deeplake.core.vectorstore import Nothing
except ImportError:
    pass
else:
    raise AssertionError
""",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_programs_that_import_the_original(program):
    subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import deeplake_nb; deeplake_nb.stand_in()\n{program}"], check=True
    )


def test_the_original_is_not_replaced_while_it_is_in_use():
    code = """
import sys, types
sys.modules["deeplake"] = types.ModuleType("deeplake")
import deeplake_nb
try:
    deeplake_nb.stand_in()
except deeplake_nb.LakeError as error:
    assert "before anything imports it" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
