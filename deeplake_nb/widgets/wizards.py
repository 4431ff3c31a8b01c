"""Forms that make something, as one asks for them: on a page, in a terminal, or an error at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.urls import DiscreetText
from deeplake_nb.widgets import asking
from deeplake_nb.widgets.dataset_panels import NewPanel
from deeplake_nb.widgets.hub_panels import ConnectPanel, StoragePanel
from deeplake_nb.widgets.link_panel import LinkPanel

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.session import Session


def connect(session: Session, dataset: str = "", dest: str = "") -> None:
    """Ask for what is needed to give a dataset a name in a hub, and do it.

    Raises:
        CredentialsError: nobody can be asked here.
    """
    otherwise = "write %lake connect DATASET hub://org/name --key KEY, or call deeplake_nb.connect"
    asking.ask(ConnectPanel(session, DiscreetText(dataset), DiscreetText(dest)), "%lake connect", otherwise)


def storage(session: Session, org: str = "") -> None:
    """Ask where new datasets of an organisation are to go.

    Raises:
        CredentialsError: nobody can be asked here.
    """
    otherwise = "call deeplake_nb.hub().set_default_storage(org, url, creds_key)"
    asking.ask(StoragePanel(session, org), "%lake storage", otherwise)


def new(session: Session, url: str = "", made: Callable[[Dataset], None] = lambda _: None) -> None:
    """Ask what a new dataset is to hold, and make it.

    Raises:
        CredentialsError: nobody can be asked here.
    """
    otherwise = "call deeplake_nb.empty(url), then create_tensor for each tensor"
    asking.ask(NewPanel(session, DiscreetText(url), made), "%lake new", otherwise)


def link(session: Session, ds: Dataset, url: str = "") -> None:
    """Ask which files are to be linked into a dataset, and do it.

    Raises:
        CredentialsError: nobody can be asked here.
    """
    otherwise = "append deeplake_nb.link(url) to a tensor of htype link[image]"
    asking.ask(LinkPanel(session, ds, DiscreetText(url)), "%lake link", otherwise)
