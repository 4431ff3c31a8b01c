"""A form by question and answer, in a terminal. What is secret is not echoed."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.diagnosis.report import Report
from deeplake_nb.errors import CredentialsError
from deeplake_nb.widgets.fields import is_there, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deeplake_nb.widgets.fields import Choice, Content, Field, Outcome, Panel

_CLOSED = "the questions were not answered to the end, and nothing was kept"


class Prompts:
    """Asks for what a panel needs, tests it where it can be tested, and does what it is for.

    Args:
        show: shows a line.
        ask: asks a question, and echoes what is typed.
        ask_secretly: does not.
    """

    def __init__(
        self,
        show: Callable[[str], None] = print,
        ask: Callable[[str], str] = input,
        ask_secretly: Callable[[str], str] = getpass.getpass,
    ) -> None:
        self._show = show
        self._ask = ask
        self._ask_secretly = ask_secretly

    def fill_in(self, panel: Panel) -> str:
        """Go through a panel until it has served; what came of it, in a sentence.

        Raises:
            CredentialsError: nobody answers any more, or whoever does pressed Control-C.
            LakeError: it cannot be done.
        """
        try:
            return self._filled_in(panel)
        except (EOFError, KeyboardInterrupt):  # one line instead of a traceback
            pass
        finally:
            panel.close()
        raise CredentialsError(_CLOSED)

    def _filled_in(self, panel: Panel) -> str:
        content = panel.content()
        self._show(content.title)
        if content.intro:
            self._show(content.intro)
        if content.tried:
            self._show(repr(Report("What was tried:", content.tried)))
        choice = self._chosen(content)
        known = [one for one in content.actions if choice.actions is None or one.name in choice.actions]
        values: dict[str, Secret] = {}
        self._fill(choice.fields, values)
        if any(one.name == "test" for one in known):
            if not self._yes("Test it first?", is_usual=True):
                values["untested"] = Secret("yes")
            else:
                outcome = panel.act("test", choice.name, values)
                self._tell(outcome)
                if not outcome.is_good and not self._yes("Keep it all the same?", is_usual=False):
                    raise CredentialsError("nothing was kept")
        main = next(one for one in known if one.is_main)
        outcome = panel.act(main.name, choice.name, values)
        while outcome.link:
            outcome = self._signed_in(panel, choice, values, outcome)
        self._tell(outcome)
        return outcome.said

    def _chosen(self, content: Content) -> Choice:
        if len(content.choices) == 1:
            return content.choices[0]
        labels = [(choice.name, choice.label) for choice in content.choices]
        name = self._one_of(content.choice_label or "How", labels, content.choice or labels[0][0])
        return next(choice for choice in content.choices if choice.name == name)

    def _one_of(self, label: str, options: Sequence[tuple[str, str]], usual: str) -> str:
        for number, (_, name) in enumerate(options, 1):
            self._show(f"  {number}  {name}")
        default = next((str(number) for number, (value, _) in enumerate(options, 1) if value == usual), "")
        while True:
            answer = self._ask(f"{label}{f' [{default}]' if default else ''}: ").strip() or default
            if answer.isdecimal() and 1 <= int(answer) <= len(options):
                return options[int(answer) - 1][0]
            self._show(f"a number from 1 to {len(options)}, please")

    def _fill(self, fields: Sequence[Field], values: dict[str, Secret]) -> None:
        for one in fields:
            if one.is_more or not is_there(one, values, fields):
                continue
            while True:
                value = self._asked(one)
                wrong = problem(one, value)
                if not wrong:
                    break
                self._show(f"{one.label}: {wrong}")
            if value.reveal():
                values[one.name] = value

    def _asked(self, one: Field) -> Secret:
        if one.kind == "choice":
            return Secret(self._one_of(one.label, one.options, one.value))
        needed = "" if one.is_required else " (optional)"
        if one.kind == "file":
            return _content(self._ask(f"{one.label}: path of its file: ").strip())
        if one.is_secret:
            return Secret(self._ask_secretly(f"{one.label}{needed}: ").strip())
        usual = f" [{one.value}]" if one.value else needed
        return Secret(self._ask(f"{one.label}{usual}: ").strip() or one.value)

    def _signed_in(self, panel: Panel, choice: Choice, values: dict[str, Secret], outcome: Outcome) -> Outcome:
        if not outcome.is_good:
            self._show(outcome.said)
        else:
            self._show(f"To sign in, open this link in a browser, on this machine or another:\n{outcome.link}")
        pasted = Secret(self._ask_secretly("Press Enter once it is done, or paste the address it ended on: ").strip())
        action = "paste" if pasted.reveal() else "wait"
        return panel.act(action, choice.name, {**values, "pasted": pasted})

    def _tell(self, outcome: Outcome) -> None:
        if outcome.lines:
            self._show(repr(Report("", outcome.lines)).lstrip("\n"))
        if outcome.said:
            self._show(outcome.said)
        if outcome.copies:
            self._show(outcome.copies)

    def _yes(self, question: str, *, is_usual: bool) -> bool:
        answer = self._ask(f"{question} [{'Y/n' if is_usual else 'y/N'}]: ").strip().lower()
        return answer in ("y", "yes") if answer else is_usual


def _content(path: str) -> Secret:
    """The content of a file; empty for no path.

    Raises:
        CredentialsError: it cannot be read.
    """
    if not path:
        return Secret("")
    try:
        return Secret(Path(path).expanduser().read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
    raise CredentialsError(f"the key file {path} cannot be read: {reason}")
