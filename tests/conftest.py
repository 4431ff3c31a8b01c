"""Every test runs alone: no account, an empty HOME, no network beyond this machine."""

from __future__ import annotations

import gc
import os
import signal
import sys

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import machine

pytest.register_assert_rewrite("tests.suites")  # before any test imports one of them
machine.isolate()  # before any test module, and so any SDK, is imported
_GUARD = machine.NetworkGuard()
_GUARD.install()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in whatever a shell starts in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else no program that a test starts can be interrupted

# The default is quick and repeatable; HYPOTHESIS_PROFILE=slow searches.
_TIMELESS = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}  # on a busy machine, too
hypothesis.settings.register_profile("ci", **_TIMELESS, max_examples=50, derandomize=True)
hypothesis.settings.register_profile("slow", **_TIMELESS, max_examples=2000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_TOGETHER = ("browser", "interop")  # marked so, and each on one worker: what they start is dear
_FIRST = (*_TOGETHER, "vectorstore", "benchmarks")  # what takes longest, or installs what other tests need not wait for


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)


class ByFile(LoadScopeScheduling):
    """A file's tests stay on one worker, for its fixtures; some folders do as a whole."""

    def _split_scope(self, nodeid):
        return _folder(nodeid) if _folder(nodeid) in _TOGETHER else nodeid.partition("::")[0]


def _folder(nodeid):
    return nodeid.split("/")[1]


def pytest_collection_modifyitems(items):
    for item in items:
        if _folder(item.nodeid) in _TOGETHER:
            item.add_marker(_folder(item.nodeid))
    rank = {folder: index for index, folder in enumerate(_FIRST)}
    items.sort(key=lambda item: rank.get(_folder(item.nodeid), len(rank)))


@pytest.fixture(scope="module", autouse=True)
def uncollected():
    """All tests, and what earlier files imported, stay: no collection of garbage need look at them (0.3 s each)."""
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
    # What takes long is shown where ipykernel is imported, as it is wherever a test has run a notebook.
    monkeypatch.setattr("deeplake_nb.progress.job.default_display", lambda: None)
    _GUARD.attempts.clear()
    yield
    here = sys.modules["deeplake_nb.progress.job"]._HERE
    if here.job is not None:
        left, here.job = here.job, None
        pytest.fail(f"{request.node.name} left {left.what!r} under way: all that follows here would be part of it")
    if _GUARD.attempts:
        pytest.fail(f"{request.node.name} reached for {sorted(set(_GUARD.attempts))}: tests use this machine only")


@pytest.fixture(scope="session")
def machine_env():
    """The environment for a program that installs something: the user's HOME and caches, none of their accounts."""
    return machine.environ()
