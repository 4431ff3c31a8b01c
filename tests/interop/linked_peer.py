"""The original's side for links with credentials keys."""

from __future__ import annotations

import answering  # the network is off from here on

# isort: split
import deeplake
from locks import release

deeplake.constants.SPINNER_ENABLED = False


def write(path, links, given):
    """A dataset whose links name keys; those of ``given`` get their credentials first."""
    ds = deeplake.empty(path, overwrite=True, verbose=False)
    ds.create_tensor("images", htype="link[image]", sample_compression="jpeg")
    for name, creds in given.items():
        ds.add_creds_key(name)
        ds.populate_creds(name, creds)
    ds.images.extend([deeplake.link(url, creds_key=name) for url, name in links])


def read(path, given):
    """Names as they are kept, and what the links lead to."""
    ds = deeplake.load(path, read_only=True, verbose=False)
    for name, creds in given.items():
        ds.populate_creds(name, creds)
    kept = ds.link_creds
    return {
        "creds_keys": kept.creds_keys,
        "managed_creds_keys": sorted(kept.managed_creds_keys),
        "used_creds_keys": sorted(kept.used_creds_keys),
        "means": [int(ds.images[row].numpy().mean()) // 10 * 10 for row in range(len(ds))],
    }


def go_on(path, given, links, renamed):
    """Append, and give keys other names."""
    ds = deeplake.load(path, verbose=False, read_only=False)
    for name, creds in given.items():
        if name not in ds.get_creds_keys():
            ds.add_creds_key(name)
        ds.populate_creds(name, creds)
    ds.images.extend([deeplake.link(url, creds_key=name) for url, name in links])
    for old, new in renamed.items():
        ds.update_creds_key(old, new)


CALLS = {f.__name__: f for f in (write, read, go_on)}

answering.serve(CALLS, after=release)
