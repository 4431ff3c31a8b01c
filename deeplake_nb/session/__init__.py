"""A session: the one place where urls, credentials, hubs, storage and datasets are joined, for one kernel.

``places`` turns what a user gives as a path and ``creds=`` into a storage, asking a hub where the path is a name;
``keyring`` has the credentials that nobody gave in the call. ``names`` is such a name and the storage behind it,
``naming`` gives, changes and takes names, ``hubs`` and ``audit`` tell what a hub says. ``files`` opens single files and
``links`` those that one dataset links to; ``home`` does for an opened dataset what is not its own business (copying,
naming, CORS). ``session`` is what users call: the module-level functions of ``deeplake_nb`` are the methods of the
default one.

What a hub lends counts as a function given as ``creds=``, so that it is renewed as any other. A managed key is sent to
no place but those it is for, as a dataset's author may link to anything.

May import everything but ``widgets``, ``magics`` and the server.
"""

from __future__ import annotations

from deeplake_nb.session.session import Session, default

__all__ = ["Session", "default"]
