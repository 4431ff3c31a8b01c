"""The grammar of ``%lake``: a line to one frozen command, and back. Pure."""

from __future__ import annotations

import builtins
import keyword
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import CommandError, did_you_mean
from deeplake_nb.magics.commands import VERBS, Help, usage
from deeplake_nb.magics.words import Word, quote, refuse_secrets, split

if TYPE_CHECKING:
    from deeplake_nb.magics.command import Argument, Command


class Filling:
    """The arguments of one verb, filled word by word; completion asks it what may come next.

    Raises:
        CommandError: from ``take`` and ``build``, for a word that does not fit; it says what would.
    """

    def __init__(self, verb: str, line: str) -> None:
        self.command = VERBS[verb]
        self.expected: Argument | None = None
        """The argument whose introduction was read and whose value is next."""
        self._verb, self._line = verb, line
        self._values: dict[str, Any] = {}
        self._by_place = [a for a in self.command.arguments() if not a.words]
        self._expression: tuple[str, int] | None = None

    def open(self) -> list[Argument]:
        """What has not been given yet: the next one by place, then all that are introduced by a word."""
        return self._by_place[:1] + [a for a in self.command.arguments() if a.words and a.field not in self._values]

    def given(self, name: str) -> Any:
        """The value of one field so far, or None."""
        return self._values.get(name)

    def take(self, word: Word) -> None:
        """Put one more word where it belongs."""
        if self.expected is not None and not word.raw.startswith("--"):
            self._give(self.expected, word.value)
            self.expected = None
            return
        introduction, equals, _ = word.raw.partition("=")
        argument = next((a for a in self.command.arguments() if introduction in a.words), None)
        if self.expected is not None:
            raise self._lacks(self.expected)
        if argument is not None and (not equals or word.raw.startswith("--")):
            self._introduce(argument, introduction, value=word.value[len(introduction) + 1 :] if equals else None)
        elif word.raw.startswith("--"):
            known = [w for a in self.command.arguments() for w in a.words if w.startswith("--")]
            raise self._mistake(f"%lake {self._verb} has no option {introduction}{did_you_mean(introduction, known)}")
        elif self._expression is not None:
            name, start = self._expression
            self._values[name] = self._line[start : word.stop]
        elif self._by_place:
            argument = self._by_place.pop(0)
            self._give(argument, word.value)
            if argument.takes == "expression":
                self._expression = argument.field, word.start
                self._values[argument.field] = word.raw
        else:
            raise self._mistake(f"%lake {self._verb} can't place {word.raw!r}; text with spaces goes in quotes")

    def build(self) -> Command:
        """The command, when nothing is missing."""
        missing = self.expected or next((a for a in self._by_place if a.is_required), None)
        if missing is not None:
            raise self._lacks(missing)
        return self.command(**self._values)

    def _introduce(self, argument: Argument, introduction: str, value: str | None) -> None:
        self._expression = None
        if argument.field in self._values:
            raise self._mistake(f"%lake {self._verb} was given {introduction} twice")
        if argument.takes != "nothing":
            self.expected = argument
            if value is not None:
                self.take(Word(value, value, 0, 0, ""))
        elif value is None:
            self._values[argument.field] = True
        else:
            raise self._mistake(f"{introduction} takes no value")

    def _give(self, argument: Argument, value: str) -> None:
        if not value:
            raise self._mistake(f"{argument.metavar} is empty")
        if argument.takes == "variable":
            _check_variable(value)
        if argument.takes == "verb" and value not in VERBS:
            raise CommandError(f"%lake has no verb {value!r}{did_you_mean(value, VERBS)}; %lake help lists them")
        if argument.takes == "action" and value not in self.command.actions:
            known = self.command.actions
            raise self._mistake(f"%lake {self._verb} has no {value!r}{did_you_mean(value, known)}")
        self._values[argument.field] = value

    def _lacks(self, argument: Argument) -> CommandError:
        return self._mistake(f"%lake {self._verb} needs {argument.written}: {argument.help}")

    def _mistake(self, message: str) -> CommandError:
        return CommandError(f"{message}. Usage: {usage(self._verb)}")


def _check_variable(name: str) -> None:
    if not name.isidentifier():
        raise CommandError(f"{name!r} is no name for a variable: use letters, digits and _, not starting with a digit")
    if keyword.iskeyword(name) or hasattr(builtins, name):
        raise CommandError(f"{name!r} is Python's own and would be hidden by this: take another name")


def parse(line: str) -> Command:
    """The command that a line (without ``%lake`` itself) asks for; an empty line asks for help.

    Raises:
        CommandError: an unknown word, a missing or a superfluous one, an open quote, or a secret.
    """
    words = split(line.rstrip().removesuffix(";"))
    refuse_secrets(_without_options(words))
    if not words:
        return Help()
    verb, *rest = words
    if verb.raw in ("-h", "--help"):
        return Help()
    if verb.value not in VERBS:
        path = f" (did you mean %lake load {verb.raw}?)" if {"/", "\\"} & set(verb.value) else ""
        hint = path or did_you_mean(verb.value, VERBS)
        raise CommandError(f"%lake has no verb {verb.raw!r}{hint}; %lake help lists them")
    if any(word.raw.startswith("#") for word in rest):
        raise CommandError("a comment can't follow %lake: give it a line of its own (a name with # goes in quotes)")
    if any(word.raw == "--help" for word in rest) or (rest and rest[0].raw == "-h"):
        return Help(verb.value)
    if words[-1].open_quote:
        raise CommandError(f"the quote {words[-1].open_quote} is opened and never closed: {words[-1].raw}")
    filling = Filling(verb.value, line)
    for word in rest:
        filling.take(word)
    return filling.build()


def _without_options(words: list[Word]) -> list[Word]:
    """The words without the options of the line's verb, which are no secrets whatever they are called."""
    verb = VERBS.get(words[0].value) if words else None
    known = {word for argument in verb.arguments() for word in argument.words} if verb is not None else set()
    split_off = [(word, *word.value.partition("=")) for word in words]
    return [
        word._replace(value=value) if introduction in known else word
        for word, introduction, _, value in split_off
        if value or introduction not in known
    ]


def format_line(command: Command) -> str:
    """The line (without ``%lake``) that ``parse`` reads back as this command."""
    words = [next(verb for verb, kind in VERBS.items() if kind is type(command))]
    arguments = command.arguments()
    for argument in arguments:
        value = getattr(command, argument.field)
        if value is None or value is False:
            continue
        words += argument.words[:1]
        if argument.takes == "expression":
            words.append(value)
        elif argument.takes != "nothing":
            is_introduction = any(value in other.words for other in arguments)
            words.append(f"'{value}'" if is_introduction else quote(value))
    return " ".join(words)
