"""Keys to bytes, wherever they live.

Everything above works on one small protocol (`provider.StorageProvider`: a url and five verbs), so that a dataset knows
no cloud and a cloud knows no dataset. One file per storage; each maps its SDK's errors to ours exactly once, at its
edge, and imports its SDK when it is first used. Behaviour is added by wrapping (`wrappers`), never by flags. What can
be said in terms of the five verbs is a function over them (`exists`, `get_many`, `delete_all`); a storage that can do
one of these better says so by a second small protocol (`ReadsInto`, `DeletesAll`, `PutsParts`, `PutsPatched`,
`ListsDigests`, `leases.Lends`), and one that knows more about itself than its bytes by `Checkable`.

S3 goes through its SDK. On Azure and Google the SDKs give the tokens and do what is rare (folders as a whole, what an
account or a bucket says of itself); the bytes go by requests of our own, as theirs cost two to five times the processor
time.

Behind a network nothing is believed: a body is read to its last byte or not at all (`bodies`), what fails by chance is
tried again after a pause that is left to chance (`retries`), many requests go side by side in bounded memory
(`parallel`), and what was copied is compared with what arrived (`transfer`).

May import credentials, urls, registry, errors. Rejected: fsspec and the like (a wide interface, asynchronous inside,
one cache for all), and an asynchronous core (every caller in a notebook is synchronous).
"""
