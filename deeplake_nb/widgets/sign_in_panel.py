"""Signing in to Google from a form: a link, then the answer by itself or pasted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deeplake_nb.credentials.provider import Environment
from deeplake_nb.errors import LakeError
from deeplake_nb.widgets.fields import Action, Outcome

if TYPE_CHECKING:
    from deeplake_nb.credentials.oauth import SignIn
    from deeplake_nb.widgets.fields import Values

_TURN_SECONDS = 1.0
ENVIRON = Environment(os.environ)


class GoogleSignIn:
    """One sign-in at a time; `act` answers None once somebody is signed in."""

    actions = (
        Action("paste", "Use this address", needs_fields=False),
        Action("wait", "Wait", needs_fields=False),
        Action("cancel", "Cancel", needs_fields=False),
    )

    def __init__(self) -> None:
        self._under_way: SignIn | None = None

    def act(self, action: str, values: Values) -> Outcome | None:
        """Begin, wait a second, take what was pasted, or cancel.

        Raises:
            CredentialsError: no OAuth client is set up, or the sign-in was refused.
        """
        from IPython.core.getipython import get_ipython

        from deeplake_nb.credentials import gcs_sign_in
        from deeplake_nb.widgets.settings import settings

        if action == "sign_in":
            self.close()
            self._under_way = gcs_sign_in.begin(ENVIRON, seconds=settings(get_ipython()).sign_in_seconds)
            return self._waiting("Open the link, in a browser on this machine or on another.")
        under_way = self._under_way
        if under_way is None:
            return Outcome("No sign-in is under way: begin one.", is_good=False)
        if action == "cancel":
            self.close()
            return Outcome("The sign-in was cancelled.")
        try:
            if action == "paste" and "pasted" in values:
                under_way.paste(values["pasted"].reveal())
        except LakeError as problem:  # it goes on
            return self._waiting(f"Not taken: {problem}.", is_good=False)
        try:
            grant = under_way.wait(_TURN_SECONDS)
        except LakeError:
            self.close()
            raise
        if grant is None:
            return self._waiting("Waiting for the browser.")
        self._under_way = None
        return None

    def close(self) -> None:
        """End what is under way."""
        if self._under_way is not None:
            self._under_way.cancel()
            self._under_way = None

    def _waiting(self, said: str, *, is_good: bool = True) -> Outcome:
        assert self._under_way is not None
        return Outcome(said, is_good=is_good, link=self._under_way.url, seconds=self._under_way.seconds_left)
