"""The rest of the indiscreet session: Azure, Google and its sign-in, and what a gallery tells its page.

What it needs comes on its standard input, as JSON: endpoints, and secrets that neither a command line nor a file of
the working folder may hold.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request


def on_azure(given):
    """Keys, tokens and connection strings, good and bad ones."""
    import deeplake_nb
    from deeplake_nb import session

    place = f"azure://{given['account']}/box"
    good = {"account_key": given["key"], "endpoint_url": given["azure"]}
    wrong = {**good, "account_key": given["wrong_key"]}
    sas = {"sas_token": given["sas"], "endpoint_url": given["azure"]}
    string = f"AccountName={given['account']};AccountKey={given['key']};BlobEndpoint={given['azure']};"
    storage = session.default().storage
    return [
        lambda: deeplake_nb.copy("./copy", f"{place}/a", dest_creds=good, progressbar=False),
        lambda: deeplake_nb.load(f"{place}/a", creds=good).x.numpy().sum(),
        lambda: deeplake_nb.load(f"{place}/a", creds=sas).x.numpy().sum(),
        lambda: deeplake_nb.load(f"{place}/a", creds={"connection_string": string}).x.numpy().sum(),
        lambda: deeplake_nb.copy(f"{place}/a", "mem://copied", src_creds=sas, progressbar=False),
        lambda: deeplake_nb.doctor(f"{place}/a", good),
        lambda: deeplake_nb.doctor(f"{place}/a", sas),
        lambda: deeplake_nb.doctor(f"{place}/a", wrong),
        lambda: deeplake_nb.explain(f"{place}/a", {"connection_string": string}),
        lambda: deeplake_nb.load(f"{place}/a", creds=wrong),
        lambda: deeplake_nb.empty(f"{place}/b", creds={**sas, "sas_token": given["sas"].replace("sp=", "sp=x")}),
        lambda: deeplake_nb.load(
            f"{place}/a", creds={"access_token": given["wrong_key"], "endpoint_url": given["azure"]}
        ),
        lambda: deeplake_nb.load(
            f"{place}/a", creds={"connection_string": f"AccountKey={given['key']};BlobEndpoint=x"}
        ),
        lambda: storage(place, good).rename("a/", "c/"),
        lambda: storage(place, sas).rename("a/", "c/"),
        lambda: storage(place, good).delete_all("nothing/"),
        lambda: deeplake_nb.load(f"{place}/a", creds={**good, "endpoint_url": "http://127.0.0.1:9"}),
    ]


def on_google(given):
    """Tokens and key files, and signing in: allowed, refused, with an answer that is none, and forgotten again."""
    import deeplake_nb
    from deeplake_nb.session import Session

    place = "gcs://bucket/a"
    token = {"token": given["token"], "endpoint_url": given["gcs"]}
    wrong = {**token, "token": given["wrong_key"]}

    def decide(choice):
        def lead(under_way):
            request = urllib.request.Request(under_way.url, data=f"choice={choice}".encode(), method="POST")
            urllib.request.urlopen(request).close()

        return Session(lead)

    def paste(under_way):
        under_way.paste(f"http://127.0.0.1/?state=other&code={given['wrong_key']}")

    allowed = decide("allow")
    return [
        lambda: deeplake_nb.copy("./copy", place, dest_creds=token, progressbar=False),
        lambda: deeplake_nb.load(place, creds=token).x.numpy().sum(),
        lambda: deeplake_nb.load(place, creds=given["key_file"]).x.numpy().sum(),
        lambda: deeplake_nb.doctor(place, token),
        lambda: deeplake_nb.doctor(place, wrong),
        lambda: deeplake_nb.explain(place, given["key_file"]),
        lambda: deeplake_nb.load(place, creds=wrong),
        lambda: deeplake_nb.load(place, creds=given["other_key_file"]),
        lambda: deeplake_nb.load(place, creds={**given["other_key_file"], "private_key": given["wrong_key"]}),
        lambda: deeplake_nb.load(place, creds=given["token"]),
        lambda: deeplake_nb.load(place, creds={**token, "endpoint_url": "http://127.0.0.1:9"}),
        lambda: allowed.load(place, creds="browser").x.numpy().sum(),
        lambda: deeplake_nb.load(place, creds="cache").x.numpy().sum(),
        lambda: deeplake_nb.explain(place, "cache"),
        lambda: decide("deny").load(place, creds="browser"),
        lambda: decide("less").load(place, creds="browser"),
        lambda: Session(paste).load(place, creds="browser"),
        lambda: f"signed out of {allowed.sign_out()}",
        lambda: deeplake_nb.load(place, creds="cache"),
    ]


def in_a_gallery(given):
    """All that a gallery sends to its page, of a dataset whose keys stop working while it is looked at."""
    import deeplake_nb
    from deeplake_nb.widgets.gallery import Gallery

    class Vendor:
        key = given["key"]

        def __call__(self):
            ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3.5))
            return {"account_key": self.key, "endpoint_url": given["azure"], "expires_at": ends}

    vendor = Vendor()
    ds = deeplake_nb.load(f"azure://{given['account']}/box/a", creds=vendor)
    gallery = Gallery(ds)
    sent = []
    gallery.send = lambda content, buffers=None: sent.append((content, buffers))
    vendor.key = given["wrong_key"]
    time.sleep(4)
    for number, kind in enumerate(("tiles", "sample", "nonsense"), 1):
        content = {"v": 1, "id": number, "kind": kind, "tensor": "x", "rows": [0, 1], "row": 0, "box": 256}
        gallery._handle_custom_msg(content, [])
    deadline = time.monotonic() + 30
    while len(sent) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    gallery.close()
    return f"gallery {gallery.get_state()!r} {ds!r} {sent!r}"


def uses():
    """What to try, each of which gives something to show or fails; they are tried in order."""
    given = json.load(sys.stdin)
    return [*on_azure(given), lambda: in_a_gallery(given), *on_google(given)]
