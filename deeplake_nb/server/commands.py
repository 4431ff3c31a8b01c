"""``deeplake-nb hub ...``: what an administrator does on the machine of the server."""
# ruff: noqa: T201 - a command speaks by printing

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from deeplake_nb.credentials.provider import Environment
from deeplake_nb.errors import HubError, counted
from deeplake_nb.server.serve import DATABASE, FOLDER, HERE, KEY_FILE, PORT, Listening, core_from, key_file, serve

if TYPE_CHECKING:
    import argparse

_LOOKED_FOR = Path()
_SETTINGS = (
    f"The server is described by its environment: {DATABASE} (sqlite:///... or postgresql://...; a file in {FOLDER} "
    f"unless given), DEEPLAKE_NB_HUB_KEYS or {KEY_FILE} (its master keys), DEEPLAKE_NB_HUB_HOSTS (its names)."
)


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``hub`` to the verbs of a parser."""
    says = "run a hub for a team"
    hub = verbs.add_parser("hub", help=says, description=f"{says}. {_SETTINGS}")
    does = hub.add_subparsers(dest="action", required=True, metavar="ACTION")
    init = does.add_parser("init", help="make the tables and the first administrator; its token is shown once")
    init.add_argument("administrator", metavar="NAME")
    does.add_parser("upgrade", help="bring the tables to this version; stop the servers before")
    keys = does.add_parser("keys", help="master keys").add_subparsers(dest="keys_action", required=True, metavar="DO")
    new = keys.add_parser("new", help="make a key: print it, or write it to a file that only its owner may read")
    new.add_argument("--file", type=Path, metavar="PATH", nargs="?", const=_LOOKED_FOR, help="where the server looks")
    keys.add_parser("rotate", help="put every secret under the newest key; the others may go then")
    listening = does.add_parser("serve", help="listen")
    listening.add_argument("--host", action="append", metavar="ADDRESS", help=f"{' and '.join(HERE)} unless given")
    listening.add_argument("--port", type=int, default=PORT, metavar="NUMBER", help=f"{PORT} unless given; 0: any")
    listening.add_argument("--certificate", type=Path, metavar="PEM", help="serve by https: the chain, and the key")
    listening.add_argument("--private", type=Path, metavar="PEM", help="the private key, where it is in its own file")
    listening.add_argument("--proxies", default="", metavar="ADDRESSES", help="proxies that say who asks, by commas")
    listening.add_argument("--processes", type=int, default=1, metavar="COUNT", help="1 unless given")


def run(command: argparse.Namespace) -> None:
    """Do what was asked.

    Raises:
        LakeError: it could not be done; nothing was.
    """
    environ = Environment(os.environ)
    if command.action == "init":
        _init(command.administrator, environ)
    elif command.action == "upgrade":
        print(f"{core_from(environ).store.upgrade()} steps taken: the tables are of this version")
    elif command.action == "serve":
        serve(_listening(command), lambda line: print(line, flush=True))
    elif command.keys_action == "new":
        _new_key(key_file(environ) if command.file == _LOOKED_FOR else command.file)
    else:
        from deeplake_nb.hub.rotation import rewrap_all

        core = core_from(environ)
        core.store.check()
        count = rewrap_all(core.store, core.vault)
        print(f"under the newest key now: {counted(count, 'secret')}; the keys after the first one may go")


def _init(administrator: str, environ: Environment) -> None:
    from sqlalchemy import select

    from deeplake_nb.hub.tables import USERS

    core = core_from(environ)
    core.store.upgrade()
    with core.store.read() as connection:
        is_begun = connection.execute(select(USERS.c.id).limit(1)).first() is not None
    if is_begun:
        raise HubError("this hub has its first administrator already: who lost their token asks another administrator")
    text, _ = core.add_user(administrator, is_administrator=True)
    print(f"The token of {administrator}, shown this once. Keep it as a password:\n{text}")


def _new_key(path: Path | None) -> None:
    from deeplake_nb.hub import master_keys

    if path is None:
        print(master_keys.written((master_keys.fresh(),)).reveal())
        return
    if path.exists():
        raise HubError(f"{path} is there already, and secrets may be under its keys: add a line to it instead")
    master_keys.make_file(path)
    print(f"{path} has a new key: keep a copy elsewhere, for without it no secret of the hub opens again")


def _listening(command: argparse.Namespace) -> Listening:
    if not 0 <= command.port < 1 << 16:
        raise HubError(f"there is no port {command.port}: expected 0 to 65535")
    if command.processes < 1:
        raise HubError("a server has one process at least")
    return Listening(
        tuple(command.host or HERE),
        command.port,
        command.certificate,
        command.private,
        command.proxies,
        command.processes,
    )
