"""Signing in through a browser: once per session, kept on this machine."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_nb.credentials.oauth import SignIn
    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.urls import Url


class BrowserSignIn:
    """``creds="browser"``, for one session. Thread-safe.

    Args:
        environ: where the configuration is looked for.
        lead: shows the link and hands in what is pasted, until there is an answer.
    """

    def __init__(self, environ: Mapping[str, str], lead: Callable[[SignIn], None]) -> None:
        self._environ = environ
        self._lead = lead
        self._signed_in: CredentialProvider | None = None
        self._lock = threading.Lock()

    def ensure(self, url: Url) -> None:
        """Sign in once, as one call opens a storage more than once; again when that is over."""
        from deeplake_nb.credentials import gcs_sign_in  # a server and OAuth: a tenth of a second

        with self._lock:
            with contextlib.suppress(CredentialsError):
                if self._signed_in is not None and gcs_sign_in.cached(self._environ) and self._signed_in():
                    return
            gcs_sign_in.sign_in(self._environ, self._lead)
            self._signed_in = credentials_from(url, "cache", environ=self._environ)

    def sign_out(self) -> int:
        """Forget what is kept; how many sign-ins there were."""
        from deeplake_nb.credentials import gcs_sign_in

        with self._lock:
            self._signed_in = None
            return gcs_sign_in.sign_out(self._environ)


def ask_in_words(under_way: SignIn) -> None:
    """Print the link and ask for what is pasted."""
    from deeplake_nb.credentials import prompt

    prompt.lead(under_way, show=print)
