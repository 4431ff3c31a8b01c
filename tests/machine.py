"""The machine the tests run on, kept apart from the tests.

`isolate` empties this process of the user's accounts and folders. `environ` gives them back, for the few programs that
set something up from package registries (uv, npm, apt) and need the user's proxies, certificates and caches.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import socket
import sys
import tempfile
from pathlib import Path

_KEPT = "TESTS_MACHINE"  # xdist workers inherit an environment that is isolated already: the original travels in this
_PERSONAL = (
    "ACTIVELOOP_",
    "AWS_",
    "AZURE_",
    "BOTO_",
    "CLOUDSDK_",
    "DEEPLAKE_",
    "GCLOUD_",
    "GCS_",
    "GOOGLE_",
    "IPYTHON",
    "JUPYTER",
    "S3_",
    "STORAGE_EMULATOR_",
    "XDG_",
)
NEUTRAL = {
    "AWS_EC2_METADATA_DISABLED": "true",  # botocore asks 169.254.169.254 otherwise
    "AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:9",  # azure-identity asks 169.254.169.254 otherwise
    # Google's client asks for the places of buckets on threads that outlive it, by whatever proxy there is by then.
    "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA": "true",
    "NO_GCE_CHECK": "true",  # google-auth asks metadata.google.internal otherwise
}


def is_personal(name: str) -> bool:
    """True for an environment variable that says who the user is or where their things are."""
    return name == "HOME" or name.startswith(_PERSONAL)


def isolate() -> None:
    """Remove every personal variable from this process (and its children), and point HOME at an empty folder.

    What is imported is compiled once on this machine, whatever the user's setting.
    """
    if _KEPT not in os.environ:
        home = {k: v for k, v in os.environ.items() if k == "HOME" or k.startswith("XDG_")}
        os.environ[_KEPT] = json.dumps(home)
    for name in filter(is_personal, list(os.environ)):
        del os.environ[name]
    os.environ |= NEUTRAL | {"HOME": tempfile.mkdtemp(prefix="home-")}
    # Where no bytecode is kept, each of some thousand programs compiles all it imports: four times the work.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def environ() -> dict[str, str]:
    """The environment with the user's own HOME and XDG folders, still without their cloud accounts."""
    kept = json.loads(os.environ[_KEPT])
    return {k: v for k, v in os.environ.items() if not is_personal(k) and k != _KEPT} | kept


def opened_below(folder: str | Path) -> list[str]:
    """The files and folders there that this process has open; what other threads open elsewhere does not count."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(descriptor.readlink()))
    return [path for path in found if Path(path).is_relative_to(folder)]


class NetworkError(RuntimeError):
    """A test reached for another machine. No OSError, so that no retry loop swallows it."""


class NetworkGuard:
    """Refuses connections and name look-ups beyond this machine, and remembers what was tried."""

    def __init__(self) -> None:
        self.attempts: list[str] = []
        self._connect, self._connect_ex = socket.socket.connect, socket.socket.connect_ex
        self._getaddrinfo = socket.getaddrinfo

    def install(self) -> None:
        """Put the guard in front of the socket module."""
        guard = self

        def connect(self, address):
            guard.check(self.family, address)
            return guard._connect(self, address)

        def connect_ex(self, address):
            guard.check(self.family, address)
            return guard._connect_ex(self, address)

        def getaddrinfo(host, *args, **kwargs):
            guard.check(socket.AF_INET, (host,))
            return guard._getaddrinfo(host, *args, **kwargs)

        socket.socket.connect, socket.socket.connect_ex = connect, connect_ex
        socket.getaddrinfo = getaddrinfo

    def check(self, family, address) -> None:
        if family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
            self.attempts.append(str(address[0]))
            raise NetworkError(f"a test reached for {address[0]!r}: tests use this machine only")


def is_local(host: str | bytes | None) -> bool:
    """True when the host is this machine."""
    name = (host.decode() if isinstance(host, bytes) else host or "localhost").removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name == socket.gethostname()
    return address.is_loopback or address.is_unspecified
