"""The original's side: run by its own interpreter."""

from __future__ import annotations

import answering  # the network is off from here on

# isort: split
import deeplake
import values
from deeplake.util.version_control import integrity_check
from locks import release
from programs import EVERY, repeat
from programs.steps import STEPS

deeplake.constants.SPINNER_ENABLED = False
held = {}


def program(name):
    """Run a program in the working folder."""
    EVERY[name](deeplake)


def describe(path):
    """Every branch and commit of a dataset, written beside it as `expected.json` and `expected.npz`."""
    book = values.Book()
    ds = deeplake.load(path, read_only=True, verbose=False)
    nodes = ds.version_state["commit_node_map"]
    addresses = [*ds.branches, *(commit for commit, node in nodes.items() if not node.is_head_node)]
    versions = {}
    for address in addresses:
        ds = deeplake.load(f"{path}@{address}", read_only=True, verbose=False)
        for key in ds.link_creds.missing_keys:
            ds.populate_creds(key, {})
        versions[address] = values.describe(book, ds, list(ds.meta.tensor_names))
    values.write(".", {"branches": list(ds.branches), "versions": versions}, book)


def check(path):
    """The original's own search for inconsistencies in every version, its summary, and what it says has changed."""
    ds = deeplake.load(path, read_only=True, verbose=False)
    for address in [*ds.branches, *ds.version_state["commit_node_map"]]:
        integrity_check(deeplake.load(f"{path}@{address}", read_only=True, verbose=False))
    ds.summary()
    return [{name: _change(change) for name, change in one.items()} for one in ds.diff(as_dict=True)["tensor"]]


def _change(change):
    if not isinstance(change, dict):
        return None  # the commit's id
    if change["created"]:
        change.pop("info_updated")  # of a new tensor, it depends on when the names were given
    return {key: list(value) if isinstance(value, set) else value for key, value in change.items()}


def again(path, rows=2, commit=None):
    """`repeat` on a branch head, and a commit if there is a message."""
    ds = deeplake.load(path, verbose=False, read_only=False)
    for key in ds.link_creds.missing_keys:
        ds.populate_creds(key, {})
    repeat(deeplake, ds, rows)
    return ds.commit(commit) if commit else None


def change(path):
    """A branch `changed`: its first row the last one, once more, and one row less; then the same merged into main."""
    ds = deeplake.load(path, verbose=False, read_only=False)
    ds.checkout("changed", create=True)
    for tensor in ds.tensors.values():
        last = tensor[len(tensor) - 1] if len(tensor) > 2 and not tensor.is_sequence else None
        if last is not None:
            tensor[0] = last.data()["value"] if tensor.htype == "text" else last.numpy()
    repeat(deeplake, ds, 1)
    ds.commit("changed")
    ds.checkout("main")
    repeat(deeplake, ds, 1)
    ds.commit("on main")
    ds.merge("changed", conflict_resolution="theirs")


def views(path):
    """What every saved view holds."""
    ds = deeplake.load(path, verbose=False, read_only=True)
    out = {}
    for entry in ds.get_views():
        view = entry.load(verbose=False)
        out[entry.id] = [len(view), entry.message, entry.virtual, view.x.numpy().tolist(), view.label.numpy().tolist()]
        images = view.image.numpy(aslist=True)
        out[entry.id].append([one.tolist() for one in images])
    return out


def step(name, **arguments):
    """One step of a history."""
    STEPS[name](deeplake, **arguments)


def hold(path):
    """Open for writing, which takes the lock, and keep it."""
    held[path] = deeplake.load(path, verbose=False, read_only=False)


def free(path):
    """Let go of what `hold` took."""
    del held[path]
    release()


CALLS = {f.__name__: f for f in (program, describe, check, again, change, views, step, hold, free)}


def release_unheld():
    """Between calls no lock is left but those of `hold`."""
    if not held:
        release()


answering.serve(CALLS, after=release_unheld)
