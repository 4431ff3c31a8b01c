"""What a notebook shows: a dataset's summary, a static picture, and a live gallery.

``source`` turns rows of a dataset into tiles; ``gallery`` is the widget, ``dispatch`` runs its requests on worker
threads so that none blocks another, ``messages`` is the wire; ``display`` decides what a cell shows.

The picture is an output of its own, above the widget: a saved, exported or untrusted notebook shows it without a
kernel, and the living widget takes its place on the page. Image bytes travel as buffers of custom messages only, never
as traits, so that no saved notebook grows by them. Rejected: a web server in the kernel (ports, proxies, accounts) and
data URIs in HTML (the file grows, and GitHub strips them).
"""
