"""A session: the one place where urls, credentials, hubs, storage and datasets are joined, for one kernel.

``places`` turns what a user gives as a path and ``creds=`` into a storage, asking a hub where the path is a name;
``names`` holds what such a name means; ``files`` opens single files and ``links`` those that one dataset links to;
``home`` does for an opened dataset what is not its own business (copying, naming, CORS); ``sign_in`` is the browser's.
``session`` is what users call. The module-level functions of ``deeplake_nb`` are the methods of the default session.

May import everything but ``widgets``, ``magics`` and the server.
"""

from __future__ import annotations

from deeplake_nb.session.session import Session, default

__all__ = ["Session", "default"]
