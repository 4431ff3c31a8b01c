"""Every test runs alone: no account, an empty HOME, no network beyond this machine."""

from __future__ import annotations

import gc
import os

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import machine

pytest.register_assert_rewrite("tests.suites")  # before any test imports one of them
machine.isolate()  # before any test module, and so any SDK, is imported
_GUARD = machine.NetworkGuard()
_GUARD.install()

# The default is quick and repeatable; HYPOTHESIS_PROFILE=slow searches.
hypothesis.settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True)
hypothesis.settings.register_profile("slow", max_examples=2000, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Folders whose tests wait more than they compute: they start first.
_FOLDERS = ("browser", "interop")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)


class ByFile(LoadScopeScheduling):
    """A file's tests stay on one worker, for its fixtures; all tests of the browser on the same one."""

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        return "browser" if file.startswith("tests/browser/") else file


def pytest_collection_modifyitems(items):
    def rank(item):
        folder = item.nodeid.split("/")[1]
        return _FOLDERS.index(folder) if folder in _FOLDERS else len(_FOLDERS)

    for item in items:
        if rank(item) < len(_FOLDERS):
            item.add_marker(_FOLDERS[rank(item)])
    items.sort(key=rank)


def pytest_collection_finish():
    """Ten thousand tests and all modules stay: no collection of garbage need look at them again (0.3 s each)."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path_factory, request):
    """Undo what an earlier test left in the environment, and fail on any attempt to leave the machine."""
    for name in filter(machine.is_personal, list(os.environ)):
        monkeypatch.delenv(name)
    for name, value in machine.NEUTRAL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    _GUARD.attempts.clear()
    yield
    if _GUARD.attempts:
        pytest.fail(f"{request.node.name} reached for {sorted(set(_GUARD.attempts))}: tests use this machine only")


@pytest.fixture(scope="session")
def machine_env():
    """The environment for a program that installs something: the user's HOME and caches, none of their accounts."""
    return machine.environ()
