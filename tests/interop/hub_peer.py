"""The original's side of a hub: run by its own interpreter.

The package is as it was installed; one name in it is bound to where the hub is, as there is no setting for that.
"""

from __future__ import annotations

import os

import answering  # the network is off from here on

# isort: split
import deeplake
import numpy as np
from deeplake.client import client
from locks import release

deeplake.constants.SPINNER_ENABLED = False
QUIET = {"verbose": False}
held = {}


def sign_in(url, token):
    """From now on this hub, as this user."""
    client.HUB_REST_ENDPOINT = url
    if token:
        os.environ["ACTIVELOOP_TOKEN"] = token
    else:
        os.environ.pop("ACTIVELOOP_TOKEN", None)
    user = client.DeepLakeBackendClient()
    return [user.username, user.organizations]


def exists(path, creds=None):
    return deeplake.exists(path, creds=creds)


def write(path, rows, creds=None, **options):
    """A new dataset of one tensor with so many rows, and a commit."""
    ds = deeplake.empty(path, creds=creds, **QUIET, **options)
    with ds:
        ds.create_tensor("x", htype="generic", dtype="int64")
        ds.x.extend(np.arange(rows))
    ds.commit("written")
    return ds.base_storage.root


def add(path, rows, creds=None):
    """More rows to a dataset that is there; how many it has then."""
    ds = deeplake.load(path, read_only=False, creds=creds, **QUIET)
    ds.x.extend(np.arange(rows))
    ds.flush()
    return len(ds)


def read(path, creds=None, **options):
    """Every row, whether it was opened for reading only, and where it really lies."""
    ds = deeplake.load(path, creds=creds, **QUIET, **options)
    return [ds.x.numpy().ravel().tolist(), ds.read_only, ds.base_storage.root]


def overwrite(path):
    ds = deeplake.empty(path, overwrite=True, **QUIET)
    ds.create_tensor("y").append(np.ones(3))
    return list(ds.tensors)


def rename(path, name):
    """Rename, and go on writing through the dataset that was opened under its old name."""
    ds = deeplake.load(path, read_only=False, **QUIET)
    ds.rename(name)
    ds.x.append(np.array([99]))
    ds.flush()
    return ds.path


def delete(path, **options):
    deeplake.delete(path, **options)


def publish(path):
    """Make it public; the dataset, so that `hide` has the one that knows it."""
    held[path] = deeplake.load(path, read_only=False, **QUIET)
    held[path].make_public()


def hide(path):
    held.pop(path).make_private()


def connect(path, creds, **options):
    """Connect a dataset that lies somewhere; its path afterwards, and what is read through that."""
    ds = deeplake.load(path, creds=creds, read_only=False, **QUIET)
    ds.connect(**options)
    return [ds.path, ds.x.numpy().ravel().tolist()]


def connect_by_path(src, **options):
    """The same without opening it before."""
    ds = deeplake.connect(src, **options)
    return [ds.path, ds.x.numpy().ravel().tolist()]


def managed(path, org, key):
    """Open a place that has no name, with a key of the hub."""
    return deeplake.load(path, creds={"creds_key": key}, org_id=org, **QUIET).x.numpy().ravel().tolist()


def link(path, key, urls):
    """A tensor of links that a managed key opens."""
    ds = deeplake.load(path, read_only=False, **QUIET)
    ds.create_tensor("images", htype="link[image]", sample_compression="jpeg")
    ds.add_creds_key(key, managed=True)
    for url in urls:
        ds.images.append(deeplake.link(url, creds_key=key))
    ds.flush()


def linked(path):
    """Shapes and means of what is linked, by a dataset opened anew."""
    ds = deeplake.load(path, read_only=True, **QUIET)
    return [
        [list(image.shape), float(image.mean())] for image in (ds.images[row].numpy() for row in range(len(ds.images)))
    ]


def managed_keys(path):
    return sorted(deeplake.load(path, read_only=True, **QUIET).get_managed_creds_keys())


def refreshed(path):
    """Read with credentials that are told to be over; how often the hub was asked for new ones."""
    ds = deeplake.load(path, read_only=True, **QUIET)
    storage, asked = ds.base_storage, []
    fetch = client.DeepLakeBackendClient.get_dataset_credentials

    def counted(self, *arguments, **options):
        asked.append(True in arguments or options.get("no_cache"))
        return fetch(self, *arguments, **options)

    client.DeepLakeBackendClient.get_dataset_credentials = counted
    try:
        storage.expiration = "1"
        values = bytes(storage["dataset_meta.json"])
    finally:
        client.DeepLakeBackendClient.get_dataset_credentials = fetch
    return [len(values) > 0, asked, float(storage.expiration) > 10**9]


def view(path):
    """Save a view and load it again."""
    ds = deeplake.load(path, read_only=False, **QUIET)
    ds[1:3].save_view(id="middle", message="two rows", verbose=False)
    found = deeplake.load(path, read_only=True, **QUIET).load_view("middle")
    return found.x.numpy().ravel().tolist()


def branches(path):
    ds = deeplake.load(path, read_only=False, **QUIET)
    ds.checkout("side", create=True)
    ds.x.append(np.array([7]))
    ds.commit("on the side")
    return [ds.branch, len(ds)]


def vectors(path, texts):
    """A vector store on the hub: filled, searched, and opened anew."""
    from deeplake import VectorStore

    def embed(several):
        return [np.array([len(one), one.count("a"), 1], dtype=np.float32) for one in several]

    store = VectorStore(path, exec_option="python", verbose=False)
    store.add(text=texts, embedding=embed(texts), metadata=[{"length": len(one)} for one in texts])
    again = VectorStore(path, exec_option="python", read_only=True, verbose=False)
    return [len(again), again.search(embedding=embed([texts[0]])[0], k=1, exec_option="python")["text"]]


def presigned(path, chunk):
    """A url for one object of a dataset, as videos are read."""
    ds = deeplake.load(path, read_only=True, **QUIET)
    return ds.base_storage.get_presigned_url(chunk)


def copied(path, target):
    deeplake.deepcopy(path, target, **QUIET)
    return deeplake.load(target, read_only=True, **QUIET).x.numpy().ravel().tolist()


def local_entry(path, org):
    """What ``access_method="download"`` asks for where managed keys are in use: a name for a folder of this machine."""
    made = client.DeepLakeBackendClient().connect_dataset_entry(
        src_path=path, org_id=org, ds_name="x__local-managed-entry__", creds_key=None
    )
    return deeplake.load(f"hub://{made}" if not made.startswith("hub://") else made, **QUIET).x.numpy().ravel().tolist()


CALLS = {
    name: one for name, one in list(globals().items()) if callable(one) and getattr(one, "__module__", "") == "__main__"
}

answering.serve(CALLS, after=release)
os._exit(0)  # threads of its telemetry would wait for an answer
