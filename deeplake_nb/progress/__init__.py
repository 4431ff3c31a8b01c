"""How far a long job has come, and the way to cancel it.

A `Progress` is what work reports to, by calling it with a count; it knows nothing of pages and terminals. One inside
another is part of it and has no place of its own. What takes a second is drawn from then on, by one thread for all
jobs (``ticker``): on a line of a terminal (``terminal``), or in the notebook, by what the layer of widgets has for it.
Nothing else is drawn to, so that no log fills; jobs of other threads than the main one are drawn by whom
`followed_by` names, if anybody.

Cancelling sets a mark, and the next report raises `CancelledError` where the work is, which undoes what it would undo
for any error. A KeyboardInterrupt stays one, and IPython shows either as one line, since its user knows why. Rejected:
raising in the working thread from outside, which might come when the work is done; drawing at reports, which freezes
the line while one request takes long.
"""

from deeplake_nb.progress.job import Progress, followed_by

__all__ = ["Progress", "followed_by"]
