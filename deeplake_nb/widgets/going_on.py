"""What a refused load does: it asks who one is, and goes on by itself once that is said, in the cell that asked."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from deeplake_nb.errors import CredentialsError, LakeError, MissingCredentialsError, PermissionDeniedError
from deeplake_nb.urls import parse
from deeplake_nb.widgets import asking
from deeplake_nb.widgets.key_panel import KeyPanel
from deeplake_nb.widgets.providers import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.session import Session
    from deeplake_nb.widgets.form import Form

REFUSED = (CredentialsError, PermissionDeniedError)
"""What a load is refused with for want of the right credentials."""
OPENS_SECONDS = 8.0
"""For so long a cell looks whether its page answers while it runs; the first form of a page takes longest."""
IDLE_SECONDS = 600.0
"""For so long a cell waits for somebody who does nothing: the page may have been closed."""
_SCHEMES = {*EXAMPLES, "http"}


def can_ask(shell: InteractiveShell, url: str) -> bool:
    """Whether there is a form for this place, somebody to fill it in, and nothing set against it."""
    from deeplake_nb.widgets.settings import settings

    is_wished = settings(shell).ask
    return is_wished and parse(url).scheme in _SCHEMES and asking.where() != "nowhere"


def ask_and_go_on(
    session: Session,
    url: str,
    refusal: LakeError,
    load: Callable[[], Dataset],
    *,
    name: str | None,
    bind: Callable[[Dataset], None],
) -> Dataset:
    """Ask for credentials of a place that refused, then load.

    In a terminal, and on a page that answers while a cell runs, this waits and gives the dataset, as if nothing had
    been in the way. On any other page the cell ends with an error, so that no later one runs on; the form stays, and
    once it has been filled in the dataset is given to ``bind`` and shown below it.

    Args:
        session: whose credentials.
        url: the place.
        refusal: what it said.
        load: tries once more.
        name: what ``bind`` calls it, for messages; None: nothing.
        bind: gives the dataset its name when the cell has ended already.

    Raises:
        LakeError: nobody said more, or the place refused again.
    """
    found_none = f"No credentials for {parse(url)} were found."
    intro = found_none if isinstance(refusal, MissingCredentialsError) else f"{refusal}.".replace("..", ".")
    tried = tuple(line for line in session.explain(url).lines if line.name != "credentials")  # all sources together
    if asking.where() == "terminal":
        from deeplake_nb.widgets.prompts import Prompts

        Prompts().fill_in(KeyPanel(session, url, intro=intro, tried=tried))
        return load()
    waiting = _Waiting(load, name, bind)
    intro += " Once this is filled in and saved, the load goes on by itself."
    panel = KeyPanel(session, url, intro=intro, tried=tried, saved=waiting.go_on, given_up=waiting.give_up)
    form = asking.show_form(panel)
    try:
        loaded = waiting.for_answer(form)
    except KeyboardInterrupt as interrupt:
        form.close()
        raise interrupt from None  # the refusal stands above, in the form
    if loaded is not None:
        return loaded
    if waiting.is_given_up:
        raise refusal
    waiting.make_room()
    stopped = "this cell stopped here: the form above asks for credentials, and goes on once it has them"
    raise CredentialsError(stopped) from refusal


class _Waiting:
    """A load that waits for a form: in its cell as long as that runs, and below the form after that."""

    def __init__(self, load: Callable[[], Dataset], name: str | None, bind: Callable[[Dataset], None]) -> None:
        self._load = load
        self._name = name
        self._bind = bind
        self._loaded: Dataset | None = None
        self._failure: LakeError | None = None
        self._is_answered = threading.Event()
        self._is_waited_for = True
        self.is_given_up = False
        self._turn = threading.Lock()
        self._rooms = [uuid4().hex, uuid4().hex]

    def for_answer(self, form: Form) -> Dataset | None:
        """Wait in the cell; None: nobody can answer while it runs, nobody did, or somebody cancelled.

        Raises:
            LakeError: the load failed, and not for want of credentials.
        """
        if form.is_open.wait(OPENS_SECONDS):  # the page has asked for it while this cell runs
            while not self._is_answered.wait(1.0) and time.monotonic() - form.heard < IDLE_SECONDS:
                pass
        with self._turn:
            self._is_waited_for = False
            if self._failure is not None:
                raise self._failure
            return self._loaded

    def go_on(self, _: str | None) -> str:
        """There are credentials: load.

        Raises:
            CredentialsError, PermissionDeniedError: they do not open it; others can be given.
        """
        try:
            loaded, failure = self._load(), None
        except REFUSED:
            raise
        except LakeError as error:
            loaded, failure = None, error
        with self._turn:
            self._loaded, self._failure = loaded, failure
            self._is_answered.set()
            if failure is not None:
                if not self._is_waited_for:
                    raise failure
                return "The cell goes on, and says what else is wrong."
            assert loaded is not None
            if self._is_waited_for:
                return f"Loaded {loaded.path}."
        self._bind(loaded)
        self._show(loaded)
        return f"Loaded {loaded.path}, as {self._name}." if self._name else f"Loaded {loaded.path}: run the cell again."

    def give_up(self) -> None:
        """Nobody will say more."""
        self.is_given_up = True
        self._is_answered.set()

    def make_room(self) -> None:
        """A place below the form for a dataset that is to come."""
        for name in self._rooms:
            _publish({"text/html": "", "text/plain": ""}, name, update=False)

    def _show(self, ds: Dataset) -> None:
        """The dataset's summary and gallery. From any thread: the page knows the places by their names."""
        from deeplake_nb.widgets.display import summary_bundle
        from deeplake_nb.widgets.gallery import Gallery

        words, room = self._rooms
        _publish(summary_bundle(ds, has_gallery=bool(len(ds))), words)
        if len(ds):
            bundle: Any = Gallery(ds)._repr_mimebundle_()
            _publish(bundle[0] if isinstance(bundle, tuple) else bundle, room)


def _publish(data: dict[str, Any], name: str, *, update: bool = True) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.instance().display_pub.publish(data, transient={"display_id": name}, update=update)
