"""The form in the page: what a panel shows, checked as one types and done in the kernel.

It has no traits of its own, so that no notebook keeps any of it: what the page draws it asks for, and what is typed
comes in the buffer of a message, once. The kernel keeps it until the form has served, so that what was tested need not
be typed again to be saved.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import LakeError
from deeplake_nb.progress import followed_by
from deeplake_nb.widgets.dispatch import Dispatcher
from deeplake_nb.widgets.fields import Content, Field, Outcome, problem, problems, sealed_values
from deeplake_nb.widgets.form_messages import content_message, outcome_message, progress_message
from deeplake_nb.widgets.progress_bar import PushedBar
from deeplake_nb.widgets.requests import RequestError
from deeplake_nb.widgets.subshell import answer_where_asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.progress import Progress
    from deeplake_nb.widgets.fields import Panel, Values
    from deeplake_nb.widgets.messages import Buffers

_STATIC = Path(__file__).parent.parent / "static"
_TYPED = "typed"


class Form(anywidget.AnyWidget):
    """A form of the page, filled in by one person at a time.

    Args:
        panel: what it shows and does.

    Attributes:
        is_open: a page has asked for it, and so draws it.
        heard: when a page last asked for anything, on the monotonic clock.
    """

    _esm = _STATIC / "form.js"
    _css = _STATIC / "form.css"

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panels = [panel]
        self._kept: dict[str, Secret] = {}
        self._choice = ""
        self._said = Outcome()
        self._is_done = False
        self._turn = threading.Lock()
        self._job: Progress | None = None
        self.is_open = threading.Event()
        self.heard = time.monotonic()
        self._dispatcher = Dispatcher(
            self._reply,
            {"open": self._open, "check": self._check, "act": self._act, "stop": self._stop},
        )
        self.on_msg(lambda _, content, buffers: self._receive(content, buffers))
        answer_where_asked(self.comm)

    def close(self) -> None:
        """End the form, and forget what was typed."""
        self._dispatcher.close()
        self._forget()
        for panel in self._panels:
            panel.close()
        super().close()

    # ------------------------------------------------------------------ requests

    def _receive(self, content: Any, buffers: Any) -> None:
        self.heard = time.monotonic()
        self._dispatcher.receive(_with_typed(content, buffers))

    def _reply(self, content: dict[str, Any], buffers: Buffers) -> None:
        self.send(content, buffers)

    def _open(self, _: dict[str, Any], __: Buffers, ___: Callable[[], bool]) -> dict[str, Any]:
        """What to draw: also after the page was loaded anew."""
        self.is_open.set()
        with self._turn:
            return self._drawn(self._said)

    def _check(self, content: dict[str, Any], _: Buffers, __: Callable[[], bool]) -> dict[str, Any]:
        """What is wrong with one field that is no secret, if anything."""
        name = content.get("name")
        found = [one for one in self._fields(content.get("choice")) if one.name == name and not one.is_secret]
        if not found:
            raise RequestError("no such field")
        return {"problem": problem(found[0], _typed(content).get(found[0].name))}

    def _act(self, content: dict[str, Any], _: Buffers, __: Callable[[], bool]) -> dict[str, Any]:
        action, choice = content.get("action"), content.get("choice")
        if not isinstance(action, str) or not isinstance(choice, str):
            raise RequestError("act takes an action and a choice")
        with self._turn:
            if self._is_done:
                raise RequestError("this form has served: ask for a new one")
            if choice != self._choice:
                self._forget()
                self._choice = choice
            typed = _typed(content)
            try:
                with followed_by(self._follow):
                    self._said = self._done(action, choice, typed)
            except LakeError as error:  # the fields stay as they are, so that they can be mended
                self._said = Outcome(str(error), is_good=False)
            finally:
                self._job = None
            return self._drawn(self._said)

    def _follow(self, job: Progress) -> PushedBar:
        self._job = job
        return PushedBar(lambda words, share: self.send(progress_message(words, share)))

    def _stop(self, _: dict[str, Any], __: Buffers, ___: Callable[[], bool]) -> dict[str, Any]:
        """Cancel what is under way, which then says so itself."""
        job = self._job
        if job is not None:
            job.cancel()
        return {}

    def _done(self, action: str, choice: str, typed: Values) -> Outcome:
        if action == "back":
            return self._went_back(Outcome())
        shown = self._panels[-1].content()
        needs = next((one.needs_fields for one in _actions(shown) if one.name == action), False)
        fields = next((one.fields for one in shown.choices if one.name == choice), ())
        self._kept |= {one.name: typed[one.name] for one in fields if one.is_secret and one.name in typed}
        values = {**self._kept, **typed}
        wrong = problems(fields, values) if needs else {}
        if wrong:
            return Outcome("Some fields need another look.", is_good=False, problems=wrong)
        outcome = self._panels[-1].act(action, choice, values)
        if outcome.opens is not None:
            self._forget()
            self._panels.append(outcome.opens)
        elif outcome.is_done:
            return self._went_back(outcome)
        return outcome

    def _went_back(self, outcome: Outcome) -> Outcome:
        self._forget()
        if len(self._panels) > 1:
            self._panels.pop().close()
        else:
            self._is_done = True
        return outcome

    def _forget(self) -> None:
        self._kept = {}

    def _fields(self, choice: object) -> tuple[Field, ...]:
        return next((one.fields for one in self._panels[-1].content().choices if one.name == choice), ())

    def _drawn(self, outcome: Outcome) -> dict[str, Any]:
        """The whole of it: what is shown is never pieced together from what was shown before."""
        shown = Content(self._panels[-1].content().title) if self._is_done else self._panels[-1].content()
        return {
            "content": content_message(shown, has_back=len(self._panels) > 1),
            "outcome": outcome_message(outcome, is_done=self._is_done),
            "kept": sorted(self._kept),
        }


def _actions(content: Content) -> tuple[Any, ...]:
    rows = () if content.table is None else content.table.rows
    return (*content.actions, *(action for row in rows for action in row.actions))


def _with_typed(content: Any, buffers: Any) -> Any:
    """The message with what was typed as one secret, which no log shows."""
    if not isinstance(content, dict):
        return content
    kept = {name: value for name, value in content.items() if name != _TYPED}
    if buffers:
        kept[_TYPED] = Secret(bytes(buffers[0]).decode(errors="replace"))
    return kept


def _typed(content: dict[str, Any]) -> dict[str, Secret]:
    """Values by field name, out of the buffer of the message."""
    if _TYPED not in content:
        return {}
    pairs = _pairs(content.pop(_TYPED))
    if pairs is None:
        raise RequestError("what was typed came as something else than fields")
    return pairs


def _pairs(typed: Secret) -> dict[str, Secret] | None:
    try:
        found = json.loads(typed.reveal())
    except ValueError:
        return None
    return sealed_values(found.items()) if isinstance(found, dict) else None
