"""What a user decides about notebooks: ``%config Lake`` lists it, ``%config Lake.sheet = False`` changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traitlets import Bool, Float
from traitlets.config import Configurable

from deeplake_nb.credentials.oauth import SECONDS

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Lake(Configurable):
    """Settings of a shell; also read from its configuration files, as ``c.Lake.sheet = False``."""

    sheet = Bool(
        True,
        help="Whether a cell that shows a dataset also keeps a static picture of its first rows in the notebook, "
        "which holds a small copy of the data. The live gallery is shown either way.",
    ).tag(config=True)

    ask = Bool(
        True,
        help="Whether a load that is refused for want of credentials asks for them, and goes on once it has them. "
        "Where nobody can be asked it never does.",
    ).tag(config=True)

    progress = Bool(
        True,
        help="Whether what takes longer than a second shows how far it is. The environment variable "
        "DEEPLAKE_NB_PROGRESS=0 switches it off in every shell and program.",
    ).tag(config=True)

    sign_in_seconds = Float(
        SECONDS,
        min=1,
        help="How long a form waits for somebody to sign in with a browser. After that one begins anew.",
    ).tag(config=True)


def register(shell: InteractiveShell) -> None:
    """Make the settings known to ``%config``."""
    if not any(isinstance(one, Lake) for one in shell.configurables):
        shell.configurables.append(Lake(parent=shell))  # type: ignore[arg-type]  # declared of shells only


def unregister(shell: InteractiveShell) -> None:
    """Forget the settings."""
    shell.configurables[:] = [one for one in shell.configurables if not isinstance(one, Lake)]


def settings(shell: InteractiveShell | None) -> Lake:
    """The settings in force; the defaults where the extension is not loaded, or there is no shell."""
    known = () if shell is None else shell.configurables
    return next((one for one in known if isinstance(one, Lake)), None) or Lake()
