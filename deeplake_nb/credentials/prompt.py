"""Leading a sign-in by question and answer, on a terminal or in the cell of a notebook."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from deeplake_nb.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.credentials.oauth import SignIn

_QUESTION = (
    "Press Enter once the browser says that you can close its page."
    " If it ends on a page that cannot load, paste the address of that page: "
)
_UNATTENDED = (
    "creds='browser' needs somebody to answer, and this process has no terminal and no notebook that takes input:"
    " set GOOGLE_APPLICATION_CREDENTIALS to the path of a key file, or sign in once elsewhere on this machine and pass"
    " creds='cache'"
)


def lead(under_way: SignIn, show: Callable[[str], None]) -> None:
    """Show the link and take what is pasted, until there is an answer; it is not echoed, as it holds a code.

    Args:
        under_way: the sign-in.
        show: shows a line to the user, such as ``print``.

    Raises:
        CredentialsError: nobody can be asked here.
    """
    if not sys.stdin.isatty() and getpass.getpass.__module__ == "getpass":  # a kernel puts its own in this place
        raise CredentialsError(_UNATTENDED)
    show(f"To sign in, open this link in a browser, on this machine or another:\n{under_way.url}")
    remark = ""
    while not under_way.is_answered:
        try:
            pasted = getpass.getpass(f"{remark}{_QUESTION}")
        except (NotImplementedError, EOFError):  # a kernel without a user, a terminal that was closed
            raise CredentialsError(_UNATTENDED) from None
        remark = "No answer has come from the browser yet. "
        if pasted.strip():
            try:
                under_way.paste(pasted)
            except CredentialsError as problem:
                remark = f"Not taken: {problem}. "
        del pasted
