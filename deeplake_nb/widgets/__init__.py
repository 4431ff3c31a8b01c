"""What a notebook shows: a dataset's summary, a static picture, and a live gallery.

``source`` turns rows of a dataset into tiles, with what ``annotations`` draws over them; ``rows`` says which rows are
shown, by an ``expression`` over ``columns`` of values; ``inspector`` looks at one sample closely. ``gallery`` is the
widget, ``answers`` its replies, ``dispatch`` runs them on worker threads so that none blocks another, ``requests`` and
``messages`` are the wire; ``display`` decides what a cell shows, as ``settings`` say.

The picture is an output of its own, above the widget: a saved, exported or untrusted notebook shows it without a
kernel, and the living widget takes its place on the page. Image bytes travel as buffers of custom messages only, never
as traits, so that no saved notebook grows by them. A filter is read by Python's parser and evaluated here, on whole
columns: nothing that is typed into a page is ever run. Rejected: a web server in the kernel (ports, proxies, accounts)
and data URIs in HTML (the file grows, and GitHub strips them).
"""
