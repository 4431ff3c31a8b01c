"""What stands between a url and its bytes, told line by line.

`explain` asks the chain of credentials and no storage: which source is in force, and what the others said. `doctor`
makes the real calls, one after the other, each of which answers one question, so that the first that fails names the
reason: credentials that are not accepted are not asked for more. Both give a `report.Report`, a value that prints as
text and shows as a table; its ``steps`` are what a form shows of a test (found, parsed, reached, clock, signed,
identity, list, read, write, expiry), and ``verdict`` what they come to, for a typed key and for a hub's alike. The
session hands in what to look at. A storage that knows more than the five verbs (who we are, its region, its rules for
browsers) says so through `storage.provider.Checkable`; what to do about a failure is a table (`advice`).

May import storage, credentials, urls, errors. Rejected: guessing from the text of errors.
"""
