"""Keys, as one asks for them: the table, a new one, a change to one. On a page, in a terminal, or an error at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.errors import CredentialsError
from deeplake_nb.urls import DiscreetText, parse
from deeplake_nb.widgets import asking, providers
from deeplake_nb.widgets.key_panel import KeyPanel
from deeplake_nb.widgets.key_table import KeyTablePanel, act_on, key_row, keys

if TYPE_CHECKING:
    from deeplake_nb.session import Session
    from deeplake_nb.widgets.fields import Outcome
    from deeplake_nb.widgets.key_table import KeyTable


def table(session: Session, org: str | None = None) -> KeyTable | None:
    """The keys there are: on a page with what one can do with them, else as a value.

    Raises:
        HubError: the hub cannot be asked.
    """
    found = keys(session, org)
    if asking.where() != "page":
        return found
    asking.show_form(KeyTablePanel(session, org))
    return None


def add(session: Session, url: str = "", *, org: str | None = None) -> None:
    """Ask for credentials of a place, and keep them: in this session, or as a managed key of an organisation.

    Args:
        session: whose they are.
        url: the place, if it is known.
        org: the organisation, if they are for one.

    Raises:
        CredentialsError: nobody can be asked here; it says what to set instead.
    """
    url = DiscreetText(url)
    scheme = parse(url).scheme if url else ""
    if scheme not in ("", *providers.EXAMPLES, "http"):
        raise CredentialsError(f"{parse(url)} needs no credentials: there is nothing to ask for")
    asking.ask(KeyPanel(session, url, org=org), "%lake creds add", providers.unattended(scheme))


def change(session: Session, action: str, name: str) -> Outcome | None:
    """Test, rotate, rename or delete the key of that name.

    Raises:
        CredentialsError: no such key, or nobody can answer what is to be asked.
    """
    outcome = act_on(session, key_row(session, name), action)
    if outcome.opens is None:
        return outcome
    otherwise = "use deeplake_nb.hub(), which takes the answers as arguments"
    asking.ask(outcome.opens, f"%lake creds {action}", otherwise)
    return None


def sign_in(session: Session, url: str) -> None:
    """Sign in to Google for a place, in a browser.

    Raises:
        CredentialsError: another cloud's place, or nobody can be asked here; it says what to set instead.
    """
    url = DiscreetText(url)
    if parse(url).scheme != "gcs":
        raise CredentialsError(f"{parse(url)} is no place of Google's: %lake creds add asks for what it needs")
    found = session.explain(url).lines
    there = next((line for line in found if line.state == "in force"), None)
    intro = "" if there is None else f"There are credentials already, from {there.name}: sign in to use others."
    panel = KeyPanel(session, url, intro=intro, only=providers.BROWSER)
    asking.ask(panel, "%lake signin", providers.unattended("gcs"))
