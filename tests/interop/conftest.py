"""The original beside ours: its process, and the datasets it wrote, which are kept from run to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import environments
from tests.interop.original import Original
from tests.interop.programs import EVERY

_SOURCES = sorted(Path(__file__).parent.glob("programs/*.py")) + [
    Path(__file__).with_name(name) for name in ("values.py", "peer.py")
]


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """The running original; `original.do(call, folder, ...)`."""
    running = Original(tmp_path_factory.mktemp("original"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def written(original):
    """The folder in which `<program>/ds` is what the original wrote and `<program>/expected.json` what it reads."""
    key = [*environments.ORIGINAL, *(source.read_text() for source in _SOURCES)]
    with environments.cached("datasets", key) as (folder, is_new):
        if is_new:
            for name in EVERY:
                (folder / name).mkdir()
                original.do("program", folder / name, name=name)
                original.do("describe", folder / name, path="ds")
    return folder
