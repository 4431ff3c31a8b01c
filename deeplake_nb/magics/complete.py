"""Completion of ``%lake`` lines: verbs, options, dataset variables, tensor names and local folders.

Nothing here asks a storage, reads credentials or imports the library: what is not in memory or in a local folder is not
offered. The other completers are silenced on these lines, as Python names mean nothing there.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from IPython.core.completer import SimpleCompletion, context_matcher

from deeplake_nb.errors import CommandError
from deeplake_nb.format import keys
from deeplake_nb.magics.commands import VERBS
from deeplake_nb.magics.grammar import Filling
from deeplake_nb.magics.words import Word, quote, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from deeplake_nb.magics.command import Argument

_LINE = re.compile(r"""(?:[^=%#'"]+=)?\s*%lake\s+""")


class Candidate(NamedTuple):
    """What may stand in place of the last word, and what it is (front ends show it beside the text)."""

    text: str
    kind: str


class LakeCompleter:
    """A completer of one shell; ``install`` and ``remove`` it."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell

    def install(self) -> None:
        """Let the shell ask this completer, too."""
        self._shell.Completer.custom_matchers.append(self.match)

    def remove(self) -> None:
        """Let the shell ask it no longer."""
        self._shell.Completer.custom_matchers.remove(self.match)

    @context_matcher()  # type: ignore[untyped-decorator]
    def match(self, context: CompletionContext) -> SimpleMatcherResult:
        """IPython's matcher, version 2; every line that is not ``%lake``'s is left to the others."""
        before = context.text_until_cursor
        magic = _LINE.match(before)
        if magic is None:
            return {"completions": [], "suppress": False}
        after = context.line_with_cursor[context.cursor_position :]
        fragment, found = complete(before[magic.end() :], self._shell.user_ns, after)
        if fragment and not found:  # only a completion can silence the others: one that changes nothing
            found = [Candidate(fragment, "word")]
        completions = [SimpleCompletion(text, type=kind) for text, kind in found]
        return {"completions": completions, "matched_fragment": fragment, "ordered": True, "suppress": True}


def complete(line: str, variables: Mapping[str, Any], after: str = "") -> tuple[str, list[Candidate]]:
    """What may stand at the end of ``line`` (without ``%lake``).

    Args:
        line: what is written up to the cursor.
        variables: the user's, by name.
        after: what is written behind the cursor.

    Returns:
        The end of the line that is being completed, and what could replace it.
    """
    words = split(line)
    last = words.pop() if words and words[-1].stop == len(line) else Word("", "", len(line), len(line), "")
    if not words:
        return last.raw, _matching(last.raw, [Candidate(verb, "verb") for verb in VERBS])
    filling = Filling(words[0].value, line) if words[0].value in VERBS else None
    if filling is None:
        return last.raw, []
    introduction, equals, value = last.raw.partition("=")
    try:
        for word in words[1:]:
            filling.take(word)
        if equals and introduction.startswith("--"):
            filling.take(Word(introduction, introduction, last.start, last.start, ""))
            last = Word(value, value, last.stop - len(value), last.stop, "")
    except CommandError:
        return last.raw, []
    if filling.expected is not None:
        return last.raw, list(_values(filling.expected, filling, last, variables, after))
    offered: list[Candidate] = []
    by_place = next((a for a in filling.open() if not a.words), None)
    if by_place is not None:
        offered += _values(by_place, filling, last, variables, after)
    if last.raw.startswith("-") or by_place is None or not by_place.is_required:
        introductions = [w for a in filling.open() for w in (a.words if last.raw.startswith("-") else a.words[:1])]
        offered += _matching(last.raw, [Candidate(w, "option") for w in introductions])
    return last.raw, offered


def _matching(prefix: str, candidates: list[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if candidate.text.startswith(prefix)]


def _values(
    argument: Argument, filling: Filling, word: Word, variables: Mapping[str, Any], after: str
) -> Iterator[Candidate]:
    """What may be the value of one argument."""
    match argument.takes:
        case "url":
            yield from _folders(word, after)
        case "expression" | "dataset":
            yield from _matching(word.raw, [Candidate(name, "dataset") for name in _datasets(variables)])
        case "store":
            yield from _matching(word.raw, [Candidate(name, "store") for name in _stores(variables)])
        case "tensor":
            dataset = _datasets(variables).get(re.split(r"\W", filling.given("expression") or "")[0])
            yield from _matching(word.raw, [Candidate(quote(t), "tensor") for t in getattr(dataset, "tensors", ())])
        case "variable":
            name = re.sub(r"\W+", "_", re.split(r"[/\\]", filling.given("url") or "")[-1].partition("@")[0]).strip("_")
            if name.isidentifier():
                yield from _matching(word.raw, [Candidate(name, "variable")])
        case "action":
            yield from _matching(word.raw, [Candidate(action, "action") for action in filling.command.actions])
        case "verb":
            yield from _matching(word.raw, [Candidate(verb, "verb") for verb in VERBS])


def _datasets(variables: Mapping[str, Any]) -> dict[str, Any]:
    return _instances(variables, "deeplake_nb.dataset.dataset", "Dataset")


def _stores(variables: Mapping[str, Any]) -> dict[str, Any]:
    return _instances(variables, "deeplake_nb.vectorstore.store", "VectorStore")


def _instances(variables: Mapping[str, Any], module: str, name: str) -> dict[str, Any]:
    """The user's objects of a class, by name; there can be none while its module is not even imported."""
    loaded = sys.modules.get(module)
    if loaded is None:
        return {}
    kind = getattr(loaded, name)
    return {n: v for n, v in sorted(variables.items()) if isinstance(v, kind) and not n.startswith("_")}


def _folders(word: Word, after: str) -> Iterator[Candidate]:
    """Local folders whose path starts with the word; a dataset's path is complete, any other goes on after a ``/``."""
    if "://" in word.value:
        return
    stem = os.path.split(word.value)[1]
    prefix = word.value[: len(word.value) - len(stem)]
    try:
        found = sorted(p for p in Path(prefix).expanduser().iterdir() if p.name.startswith(stem) and p.is_dir())
    except (OSError, RuntimeError):  # not a folder, not allowed, or a ~user who doesn't exist: nothing to offer
        return
    for folder in found:
        if folder.name.startswith(".") and not stem.startswith("."):
            continue
        is_dataset = (folder / keys.DATASET_META).is_file()
        path = prefix + folder.name + ("" if is_dataset else "/")
        is_closed = bool(word.open_quote) and after.startswith(word.open_quote)  # by an editor that closes quotes
        yield Candidate(word.open_quote + path if is_closed else quote(path), "dataset" if is_dataset else "folder")
