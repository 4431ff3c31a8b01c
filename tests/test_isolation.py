"""The tests' own walls hold."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import machine


def test_home_is_empty_and_no_account_is_in_sight():
    assert list(Path.home().iterdir()) == []
    personal = {name for name in os.environ if machine.is_personal(name)}
    assert personal == {"HOME", *filter(machine.is_personal, machine.NEUTRAL)}


def test_children_see_the_same_walls():
    code = "import os; print(os.environ['HOME'], os.environ.get('AWS_PROFILE'))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == [str(Path.home()), "None"]


def test_children_keep_the_bytecode_they_make():
    code = "import sys; print(sys.flags.dont_write_bytecode)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.split() == [b"0"]


def test_a_program_that_installs_gets_the_users_home_back(machine_env):
    assert machine_env["HOME"] != str(Path.home())
    assert not any(name.startswith("AWS_") for name in machine_env)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("bucket.localhost", True),
        ("0.0.0.0", True),
        (None, True),
        ("169.254.169.254", False),
        ("s3.amazonaws.com", False),
        ("localhost.example.com", False),
    ],
)
def test_is_local(host, local):
    assert machine.is_local(host) is local


def test_a_connection_to_another_machine_is_refused():
    guard = machine.NetworkGuard()
    with pytest.raises(machine.NetworkError, match=r"192\.0\.2\.1"):
        guard.check(socket.AF_INET, ("192.0.2.1", 80))
    guard.check(socket.AF_UNIX, "/tmp/x")
    assert guard.attempts == ["192.0.2.1"]


def test_a_loopback_connection_works():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_the_guard_is_installed(request):
    from tests.conftest import _GUARD

    with socket.socket() as s, pytest.raises(machine.NetworkError):
        s.connect(("192.0.2.1", 9))
    with pytest.raises(machine.NetworkError):
        socket.getaddrinfo("example.org", 80)
    assert _GUARD.attempts == ["192.0.2.1", "example.org"]
    _GUARD.attempts.clear()  # this test meant it
