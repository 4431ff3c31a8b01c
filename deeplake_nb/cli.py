"""``deeplake-nb`` in a shell: what stands in the way of a dataset, where there is no notebook."""
# ruff: noqa: T201 - a command speaks by printing

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from deeplake_nb.errors import LakeError
from deeplake_nb.magics.words import Word, refuse_secrets

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
        from deeplake_nb import session

        ask = getattr(session.default(), command.verb)
        report = ask(command.url, "anonymous" if command.anonymous else _settings(command))
    except LakeError as mistake:
        print(f"deeplake-nb: {mistake}", file=sys.stderr)
        return _MISTAKE
    print(report)
    return 0 if report else _FAILED


def _settings(command: argparse.Namespace) -> dict[str, str] | None:
    return {"profile_name": command.profile} if command.profile else None


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
    return parser


if __name__ == "__main__":
    sys.exit(main())
