"""The specification of `tests.suites.notebook` in JupyterLab."""

from __future__ import annotations

import pytest

from tests.suites.notebook import NotebookSuite, cells


@pytest.fixture(scope="module")
def notebook(lab, store):
    opened = lab.open(cells(store))
    opened.run_all()
    return opened


class TestLab(NotebookSuite):
    pass
