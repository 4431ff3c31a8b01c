"""``deeplake-nb`` in a shell: what stands in the way of a dataset, signing in to a hub, and running one."""
# ruff: noqa: T201 - a command speaks by printing

from __future__ import annotations

import argparse
import getpass
import os
import sys
from typing import TYPE_CHECKING

from deeplake_nb.credentials.provider import Environment, Secret
from deeplake_nb.errors import HubTokenError, LakeError
from deeplake_nb.magics.words import Word, refuse_secrets
from deeplake_nb.server import commands

if TYPE_CHECKING:
    from collections.abc import Sequence

_FAILED, _MISTAKE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; ``arguments`` are those of the process unless given.

    Returns:
        0 if all is well, 1 if something failed, 2 for a command that cannot be understood.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        refuse_secrets([Word(word, word, 0, 0, "") for word in given])  # every user sees the list of processes
        command = _parser().parse_args(given)
        return _VERBS[command.verb](command)
    except LakeError as mistake:
        print(f"deeplake-nb: {mistake}", file=sys.stderr)
        return _MISTAKE


def _look(command: argparse.Namespace) -> int:
    from deeplake_nb import session

    ask = getattr(session.default(), command.verb)
    report = ask(command.url, "anonymous" if command.anonymous else _settings(command))
    print(report)
    return 0 if report else _FAILED


def _settings(command: argparse.Namespace) -> dict[str, str] | None:
    return {"profile_name": command.profile} if command.profile else None


def _login(command: argparse.Namespace) -> int:
    from deeplake_nb.hub.remote import HubClient
    from deeplake_nb.hub.sign_in import keep_token

    environ = Environment(os.environ)
    token = Secret((getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline()).strip())
    if not token.reveal():
        raise HubTokenError("no token was given: paste it at the prompt, or send it to the command's input")
    client = HubClient(command.url, token, environ=environ)
    who = client.whoami()
    place = keep_token(client.url, token, environ)
    print(f"You are {who.name}, of {', '.join(who.orgs) or 'no organisation yet'}. The token is in {place}")
    return 0


def _logout(command: argparse.Namespace) -> int:
    from deeplake_nb.hub.sign_in import forget_token

    was_there = forget_token(command.url.rstrip("/"), Environment(os.environ))
    print(f"the token for {command.url} is forgotten" if was_there else f"no token for {command.url} was kept here")
    return 0 if was_there else _FAILED


def _hub(command: argparse.Namespace) -> int:
    commands.run(command)
    return 0


_VERBS = {"doctor": _look, "explain": _look, "login": _login, "logout": _logout, "hub": _hub}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deeplake-nb",
        description="Keys are never given here: they come from the environment, from profiles or from the machine.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, says in (
        ("doctor", "find out by real calls what works at a place and what does not, and what to do about it"),
        ("explain", "say which credentials are in force for a place, and what each source said"),
    ):
        added = verbs.add_parser(verb, help=says, description=says)
        added.add_argument("url", metavar="URL", help="a folder, s3://bucket/prefix, azure://account/container, ...")
        who = added.add_mutually_exclusive_group()
        who.add_argument("--profile", metavar="NAME", help="a profile of `aws configure` (s3:// only)")
        who.add_argument("--anonymous", action="store_true", help="ask without credentials, as public places allow")
    for verb, says in (
        ("login", "keep a token for a hub server; it is asked for, or read from the input"),
        ("logout", "forget the token for a hub server"),
    ):
        added = verbs.add_parser(verb, help=says, description=says)
        added.add_argument("url", metavar="URL", help="https://hub.example.org")
    commands.add_to(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
