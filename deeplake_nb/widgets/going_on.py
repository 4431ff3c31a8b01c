"""What a refused load does once somebody has said who they are: it goes on by itself, in the cell that asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from deeplake_nb.urls import parse
from deeplake_nb.widgets import asking
from deeplake_nb.widgets.key_panel import KeyPanel
from deeplake_nb.widgets.providers import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.session import Session

_GOES_ON = "Once this is filled in and saved, the load goes on by itself."
_SCHEMES = {*EXAMPLES, "http"}


def can_ask(shell: InteractiveShell, url: str) -> bool:
    """Whether there is a form for this place, somebody to fill it in, and nothing set against it."""
    from deeplake_nb.widgets.settings import settings

    is_wished = settings(shell).ask
    return is_wished and parse(url).scheme in _SCHEMES and asking.where() != "nowhere"


def ask_and_go_on(
    session: Session, url: str, refusal: Exception, load: Callable[[], Dataset], bind: Callable[[Dataset], None]
) -> Dataset | None:
    """Ask for credentials of a place that refused, then load.

    In a terminal this waits for the answers and gives the dataset. On a page it shows the form, with what was tried,
    and gives None at once: when the form has been filled in, ``load`` is called, its dataset given to ``bind`` and
    shown below the form.

    Raises:
        LakeError: in a terminal: refused again.
    """
    if asking.where() == "terminal":
        from deeplake_nb.widgets.prompts import Prompts

        Prompts().fill_in(KeyPanel(session, url, intro=str(refusal)))
        loaded = load()
        bind(loaded)
        return loaded
    below = _Below()

    def go_on(_: str | None) -> str:
        loaded = load()
        bind(loaded)
        below.show(loaded)
        return f"Loaded {loaded.path}."

    asking.show_form(KeyPanel(session, url, intro=f"{refusal}. {_GOES_ON}", saved=go_on))
    below.make_room()
    return None


class _Below:
    """The place below a form for a dataset that is to come."""

    def __init__(self) -> None:
        self._names = [uuid4().hex, uuid4().hex]

    def make_room(self) -> None:
        for name in self._names:
            _publish({"text/html": "", "text/plain": ""}, name, update=False)

    def show(self, ds: Dataset) -> None:
        """The dataset's summary and gallery. From any thread: the page knows the places by their names."""
        from deeplake_nb.dataset.summary import summary
        from deeplake_nb.preview.summary import summary_html, summary_text
        from deeplake_nb.widgets.gallery import Gallery

        heading, rows = summary(ds)
        words, room = self._names
        _publish({"text/plain": summary_text(heading, rows), "text/html": summary_html(heading, rows, "")}, words)
        if len(ds):
            bundle: Any = Gallery(ds)._repr_mimebundle_()
            _publish(bundle[0] if isinstance(bundle, tuple) else bundle, room)


def _publish(data: dict[str, Any], name: str, *, update: bool = True) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.instance().display_pub.publish(data, transient={"display_id": name}, update=update)
