"""Who may read: frozen values, and an ordered chain of named sources for them.

A cloud's credentials are one frozen dataclass (`s3.S3Credentials`) whose fields are declared once with
`provider.credential`; the environment, a ``creds=`` dictionary and a form are three readers of that declaration. A
source is a callable that answers with such a value or ``None``, so that one that refreshes looks like one that never
changes. `chain.Chain` asks its sources in order and the first answer wins; half a set is an error and not a miss, and
a chain that finds nothing names everything it tried. What ends is renewed before it does
(`refreshing.Refreshing`): once, however many threads ask. `chain.credentials_from` makes the chain for a url.

The environment and the clock are arguments, except where an SDK reads them by itself. May import urls, registry,
errors. Rejected: handing dictionaries to SDKs (a typing error then signs with somebody else's account), and answering
``None`` at the end of a chain.
"""
