"""Keys to bytes, wherever they live.

Everything above works on one small protocol (`provider.StorageProvider`: a url and five verbs), so that a dataset knows
no cloud and a cloud knows no dataset. One file per storage; each maps its SDK's errors to ours exactly once, at its
edge, and imports its SDK when it is first used. Behaviour is added by wrapping (`wrappers`), never by flags. What can
be said in terms of the five verbs is a function over them (`exists`, `get_many`, `delete_all`); a storage that can do
one of these better says so by a second small protocol (`ReadsInto`, `DeletesAll`).

May import credentials, urls, registry, errors. Rejected: fsspec and the like (a wide interface, asynchronous inside,
one cache for all), and an asynchronous core (every caller in a notebook is synchronous).
"""
