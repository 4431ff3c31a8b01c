"""Where a form can be filled in: on the page of a notebook, in a terminal, or nowhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

from deeplake_nb.errors import CredentialsError
from deeplake_nb.widgets import marimo

if TYPE_CHECKING:
    from deeplake_nb.widgets.fields import Panel
    from deeplake_nb.widgets.form import Form

Where = Literal["page", "terminal", "nowhere"]
_HINT = "[a form: run this cell in Jupyter to fill it in]"


def where() -> Where:
    """Who can fill in a form here. Nothing ever waits for a page: a form is shown, and the cell ends."""
    if mode := marimo.mode():  # an app of marimo's serves many people, who must not give their keys to one another
        return "page" if mode == "edit" else "nowhere"
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is not None:  # a front end with a person says so with each cell; nbconvert and papermill do not
        return "page" if getattr(kernel, "_allow_stdin", False) else "nowhere"
    return "terminal" if sys.stdin is not None and sys.stdin.isatty() else "nowhere"


def ask(panel: Panel, what: str, otherwise: str) -> None:
    """Have a panel filled in: as a form in the page, which goes on when the cell has ended, or by questions at once.

    Args:
        panel: what is asked.
        what: how it is called in the error, such as ``%lake creds add``.
        otherwise: what to do where nobody can fill it in.

    Raises:
        CredentialsError: nobody can fill it in here.
        LakeError: in a terminal: it cannot be done.
    """
    place = where()
    if place == "page":
        show_form(panel)
    elif place == "terminal":
        from deeplake_nb.widgets.prompts import Prompts

        Prompts().fill_in(panel)
    else:
        panel.close()
        raise CredentialsError(f"{what} asks for something, and nobody can answer here: {otherwise}")


def show_form(panel: Panel) -> Form:
    """Show a panel as a form of the cell that runs; gives back at once."""
    from IPython.core.interactiveshell import InteractiveShell

    from deeplake_nb.widgets.form import Form

    form = Form(panel)
    if marimo.mode():
        marimo.show(form)
        return form
    bundle: Any = form._repr_mimebundle_()
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    InteractiveShell.instance().display_pub.publish({**data, "text/plain": _HINT}, metadata)
    return form
