"""The hub over HTTP: one team's names, keys and people behind one address.

``app`` joins what stands in front of every request (``guard``: who may ask from where; ``limits``: how much, how long,
how often) with two sets of routes over one `HubCore`: ``api``, our own ``/api/v1``, generated from the table in
``hub.routes`` that the client reads too, and ``compat``, what the original client asks. ``outgoing`` keeps addresses
that users give from leading into the server's own network, and its identity from being shown there; ``lookout`` sees
to that as connections are made, and that none outlasts its request. ``queries`` searches datasets where they lie.
``serve`` listens, on ``connection``s that bound what comes before anybody is known.

A process keeps nothing but the counts of its rate limits, what it has lent, and indexes to search by: all else is in
the database, so that several run behind any proxy. Starlette alone, without a framework above it: routes, schemas and
documents all come from the signatures of the protocol, which a second declaration could only contradict.
"""
