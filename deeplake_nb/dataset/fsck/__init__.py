"""Checks of a dataset, object by object, and repairs that lose nothing: ``ds.fsck()`` and ``deeplake_nb.fsck(path)``.

``shelf`` lists a dataset's objects, and keeps aside (below ``.fsck/``) what a repair takes away or replaces.
``history`` looks at what versions are made of: the commit tree, metadata, diffs; ``leftovers`` at locks, journals,
saved views and objects that nothing refers to; ``rows`` at each tensor of a version: its tables, companions, chunks,
samples and links; ``rebuilding`` makes lost metadata and tables anew, ``companion_chunks`` lost chunks of hidden
tensors. ``examination`` goes through them; each thing that is wrong is a `Finding` in plain words, with a way to mend
it where nothing is lost by that.

Repairs take the write locks, so that nobody is disturbed. What is wrong and cannot be mended without loss stays as it
is: the finding says what to do.
"""

from __future__ import annotations
