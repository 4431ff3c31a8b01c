"""A kernel without a page: what a notebook that was run by a program keeps of a long job."""

from __future__ import annotations

import json
import subprocess
import sys

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.fakes.slow import SOURCE

CELL = f"""{SOURCE}
ds = lake.empty("mem://slow")
ds.create_tensor("x", dtype="float32")
ds.x.extend(Slow(300, 0.006))
"""


def test_the_notebook_keeps_one_line(tmp_path):
    path = tmp_path / "long.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(CELL)]), path)
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (cell,) = json.loads(path.read_text())["cells"]
    (bar,) = [one["data"] for one in cell["outputs"] if one["data"]]
    assert "".join(bar["text/plain"]).startswith("add to mem://slow: 300 samples in ")
    assert "<progress" not in "".join(bar["text/html"])
    assert "widget-view" not in path.read_text()
