"""``%lake``: what a session does, in words, for a cell or a terminal.

``commands`` is the table of verbs, ``grammar`` reads a line into one of them and ``words`` splits it (all pure);
``lake`` runs it on the session and gives its value to the cell; ``complete`` offers what may come next and asks no
storage.

A mistake is shown as one line. What is raised is the typed error itself, with the ``_render_traceback_`` that IPython
asks an exception for: so a cell fails under nbconvert and papermill too, ``except`` works around a magic, and
``%lake why`` has the traceback. Rejected: IPython's ``UsageError`` (it leaves no error output, so papermill gives an
empty reason, and its type says nothing) and ``@output_can_be_silenced`` (it tokenizes the line as Python once the work
is done, and fails on a path such as ``./2024-cars``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def register(shell: InteractiveShell) -> None:
    """Give the shell ``%lake``, its completion, and the display of datasets."""
    from deeplake_nb.magics.complete import LakeCompleter
    from deeplake_nb.magics.lake import LakeMagics
    from deeplake_nb.widgets import display

    shell.register_magics(LakeMagics(shell))
    LakeCompleter(shell).install()
    display.register(shell)


def unregister(shell: InteractiveShell) -> None:
    """Take back what ``register`` gave."""
    from deeplake_nb.magics.complete import LakeCompleter
    from deeplake_nb.widgets import display

    display.unregister(shell)
    for matcher in list(shell.Completer.custom_matchers):
        completer = getattr(matcher, "__self__", None)
        if isinstance(completer, LakeCompleter):
            completer.remove()
    shell.magics_manager.magics["line"].pop("lake", None)
    shell.magics_manager.registry.pop("LakeMagics", None)
