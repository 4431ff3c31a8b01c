"""What a notebook shows and asks: a dataset's summary, a static picture, a live gallery, and forms.

``source`` turns rows of a dataset into tiles: ``annotations`` says which tensors belong to a picture (``belonging``: by
names, groups and counts, as the format has no word for it), ``drawing`` draws them over it; ``rows`` says which rows
are shown, by an ``expression`` over ``columns`` of values; ``inspector`` looks at one sample closely, ``pointer`` at
the boxes under the pointer; ``recent_files`` are the linked ones that need not be fetched again. ``gallery`` is the
widget, ``answers`` its replies, ``dispatch`` runs them on worker threads so that none blocks another, ``requests`` and
``messages`` are the wire; ``display`` decides what a cell shows, as ``settings`` say. Long jobs are shown by
``progress_bar``, and in marimo by ``marimo_bar``.

The first tiles are sent unasked as the widget is shown, so that they are there when the page's code has started. The
picture is an output of its own, above the widget: a saved, exported or untrusted notebook shows it without a kernel,
and the living widget takes its place on the page. Image bytes travel as buffers of custom messages only, never as
traits, so that no saved notebook grows by them. A filter is read by Python's parser and evaluated here, on whole
columns: nothing that is typed into a page is ever run. Rejected: a web server in the kernel (ports, proxies, accounts)
and data URIs in HTML (the file grows, and GitHub strips them).

A form is a ``fields.Panel``: what to show, and what its actions do. ``form`` draws one in the page, ``prompts`` asks
the same in a terminal, ``asking`` finds out which of them there is, and is an error at once where there is neither. No
form has traits: what is typed comes in the buffer of a message, once, and stays in the kernel. The panels are
``key_panel`` (credentials, over the table of ``providers``; ``typed_key`` tests them), ``key_table``, ``hub_panels``,
``dataset_panels`` and ``link_panel``; ``keys`` and ``wizards`` are what one calls. ``going_on`` is what a refused load
does: where the page answers while a cell runs, the cell waits for its form, so that an assignment gets its value and no
later cell runs on; elsewhere it ends, and the form goes on below it. Rejected: ipywidgets' own Password, whose value is
state and so is saved with the notebook.
"""
