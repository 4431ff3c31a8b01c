"""A stored sample becomes something small to look at.

Pure: values in, bytes out; no I/O, no clock, no widget. Everything that shows a dataset (the live gallery, the static
picture of a saved notebook, the text of a terminal) is made of the same few values:

* ``Preview``: encoded bytes with their media type and size. An image file that a browser can show and that is small
  enough is passed through undecoded: decoding it here would cost the kernel what the browser does better. Of a film
  the first frame is decoded, and no more; of a long sound a piece for each column of its waveform.
* ``Box``, ``Label`` and mask previews: annotations in fractions of the picture, so that they fit it at any size, and
  already coloured: the palette lives in ``overlays.py`` only, and both the page and the contact sheet draw what they
  are told.
* ``Tile``: one row of a gallery, a picture with its annotations; ``FailedTile``: a row that cannot be shown, and why.

Rejected: rendering overlays into the live tiles (the page could not switch them off), and SVG or HTML for the static
picture (GitHub and untrusted notebooks strip both).
"""
