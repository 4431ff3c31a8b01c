"""Jobs beside marimo, not in a cell of its; those in one are seen in ``tests/browser/test_marimo.py``."""

from __future__ import annotations

import subprocess
import sys

OUTSIDE = """
import marimo
from deeplake_nb.progress.ticker import default_display
from deeplake_nb.widgets.marimo_bar import display_in_cell
print(display_in_cell(), default_display())
"""


def test_a_program_that_has_imported_marimo_has_no_cell_to_draw_in():
    done = subprocess.run([sys.executable, "-c", OUTSIDE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "None"]
    assert done.stderr == ""
