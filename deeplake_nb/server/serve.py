"""Listening: the application on its sockets, in one process or several."""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import os
import socket
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deeplake_nb.credentials.provider import Environment, Secret
from deeplake_nb.errors import HubError, MissingDependencyError
from deeplake_nb.server.processes import run_several

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_nb.hub.domain import HubCore
    from deeplake_nb.server.app import App

DATABASE, FOLDER, KEY_FILE, DATASETS = (
    f"DEEPLAKE_NB_HUB_{name}" for name in ("DATABASE", "FOLDER", "KEY_FILE", "DATASETS")
)
PORT = 7777
"""Where the original client looks for a hub on this machine."""

HERE = ("127.0.0.1", "::1")
"""Both: the original client tries the second one first."""

_INSTALL = "run `pip install 'deeplake-nb[server]'`"
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_SWITCH_SECONDS = 0.0005  # the loop must not wait 5 ms, as it does by default, for a thread that computes
_BACKLOG = 1024
_CONNECTIONS = 1024
_IDLE_SECONDS = 15
_LEAVE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Listening:
    """Where and how to listen.

    Attributes:
        hosts: addresses of this machine.
        port: 0 chooses one that is free.
        certificate: a PEM file with the certificate's chain, and its private key unless ``private`` has that.
        proxies: addresses of proxies whose word counts on who asks; comma-separated.
        processes: how many share the sockets.
    """

    hosts: tuple[str, ...] = HERE
    port: int = PORT
    certificate: Path | None = None
    private: Path | None = None
    proxies: str = ""
    processes: int = 1


def core_from(environ: Mapping[str, str]) -> HubCore:
    """The hub that the environment describes: its database, its master keys, the place for new datasets.

    Raises:
        HubError: the database cannot be had, or there is no master key; a server makes none by itself.
    """
    from deeplake_nb.hub.domain import HubCore
    from deeplake_nb.hub.master_keys import master_keys
    from deeplake_nb.hub.store import Store
    from deeplake_nb.hub.vault import Vault
    from deeplake_nb.server.lookout import lookout
    from deeplake_nb.server.outgoing import Outgoing
    from deeplake_nb.server.settings import Settings

    keys = master_keys(environ, key_file(environ))
    store = Store(Secret(environ[DATABASE])) if environ.get(DATABASE) else Store.at(_folder(environ) / "hub.db")
    outgoing = Outgoing(Settings.from_environ(environ).reach, watch=lookout().watch)
    return HubCore(store, Vault(keys), folder=environ.get(DATASETS) or None, url="server", guard=outgoing.guard)


def key_file(environ: Mapping[str, str]) -> Path:
    """Where a server looks for its master keys, besides the environment."""
    return Path(environ.get(KEY_FILE) or _folder(environ) / "hub.key")


def _folder(environ: Mapping[str, str]) -> Path:
    from deeplake_nb.hub.folders import data_folder

    return Path(environ.get(FOLDER) or data_folder(environ) / "server")


def application(environ: Mapping[str, str] | None = None) -> App:
    """The application that the environment describes; any ASGI server can run it.

    Raises:
        HubError: as `core_from`, or the database is of another version, or sealed with other keys.
        MissingDependencyError: the extra ``server`` is not installed.
    """
    try:
        from deeplake_nb.server.app import create_app
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"a hub server needs {error.name}: {_INSTALL}") from error
    from deeplake_nb.server.settings import Settings

    environ = Environment(os.environ) if environ is None else environ
    core = core_from(environ)
    core.check()
    return create_app(core, Settings.from_environ(environ))


def serve(listening: Listening, announce: Callable[[str], object] = print) -> None:
    """Listen until told to stop (SIGINT, SIGTERM); requests at work are finished first.

    Raises:
        HubError: no such address, a port that is taken, a certificate that cannot be read, or as `application`.
        MissingDependencyError: the extra ``server`` is not installed.
    """
    application()  # also where others make their own: what is wrong is said once, and here
    _check_certificate(listening)
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(one) for one in _sockets(listening)]
        announce(f"the hub listens at {', '.join(_addresses(listening, sockets))}")
        if listening.certificate is None and not set(listening.hosts) <= set(HERE):
            announce("without --certificate tokens and keys go unencrypted: only a proxy with https may be between")
        if listening.processes > 1:
            run_several(listen, (listening, sockets), listening.processes)
        else:
            listen(listening, sockets)


def listen(listening: Listening, sockets: list[socket.socket]) -> None:
    """Answer what comes in by these sockets, in this process."""
    try:
        import uvicorn

        from deeplake_nb.server.connection import Connection
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"a hub server needs {error.name}: {_INSTALL}") from error
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config = uvicorn.Config(
        application(),
        http=Connection,
        lifespan="off",
        ws="none",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,  # ours has no queries
        server_header=False,
        proxy_headers=bool(listening.proxies),
        forwarded_allow_ips=listening.proxies,
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.private,
        backlog=1,  # asyncio takes so many connections at a time, and leaves none to the process beside
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()  # what is there now stays, and need not be looked through again and again
    server = uvicorn.Server(config)
    started = server.startup

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        await started(sockets)
        for one in sockets or ():
            one.listen(_BACKLOG)  # as many may wait

    server.startup = startup  # type: ignore[method-assign]
    server.run(sockets)


def _check_certificate(listening: Listening) -> None:
    if listening.certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(listening.certificate, listening.private)
    except OSError as error:
        reason = getattr(error, "reason", "") or error.strerror or "it has no private key"
        raise HubError(f"{listening.certificate} cannot be used ({reason}): expected PEM, with its private key") from (
            error
        )


def _sockets(listening: Listening) -> list[socket.socket]:
    """One for each address, all on one port."""
    made: list[socket.socket] = []
    port = listening.port
    with contextlib.ExitStack() as stack:
        for host in listening.hosts:
            one = _bound(host, port)
            if one is not None:
                made.append(stack.enter_context(one))
                port = one.getsockname()[1]
            elif listening.hosts != HERE:  # a machine without IPv6 is no mistake
                raise HubError(f"{host} is no address of this machine: name one with --host")
        if not made:
            raise HubError("this machine has no address to listen at: name one with --host")
        stack.pop_all()
    return made


def _bound(host: str, port: int) -> socket.socket | None:
    """A socket that listens; None where this machine has no such address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio lets Nagle wait
    except OSError:
        return None
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((host, port))
        one.listen(_BACKLOG)  # who reads the announcement may come at once
    except OSError as error:
        one.close()
        if error.errno in _ABSENT or isinstance(error, socket.gaierror):
            return None
        raise HubError(f"port {port} of {host} cannot be listened at: {error.strerror}; choose another --port") from (
            error
        )
    return one


def _addresses(listening: Listening, sockets: list[socket.socket]) -> list[str]:
    scheme = "https" if listening.certificate else "http"
    names = [(one.getsockname()[0], one.getsockname()[1]) for one in sockets]
    return [f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}" for host, port in names]
