"""What hands out Azure's access tokens: Entra's token endpoint, the endpoints of machines, and `az`."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"
AUDIENCE = "https://storage.azure.com"


def token(*, seconds=3600, audience=AUDIENCE, issuer=f"https://sts.windows.net/{TENANT}/", **claims):
    """An access token with claims that azurite looks at, and a signature that it does not."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "nbf": now - 60,
        "iat": now,
        "exp": now + seconds,
        "tid": TENANT,
        **claims,
    }
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    return ".".join([*(_encoded(json.dumps(part).encode()) for part in parts), _encoded(b"signature")])


def _encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Identities:
    """What the endpoints know; ``asked`` counts the tokens that were asked for.

    Attributes:
        secret: of the service principal.
        assertion: the text in the file of a pod's federated token.
        header: what an application on App Service must send.
        seconds: how long tokens live.
    """

    def __init__(self):
        self.endpoint = ""
        self.secret = "the right secret"
        self.assertion = "the right assertion"
        self.header = "the right header"
        self.seconds = 3600
        self.asked = 0

    def answer(self, method, path, headers, form):
        """Status and content for one request."""
        address = urlsplit(path)
        if address.path.endswith("/.well-known/openid-configuration"):
            base = f"{self.endpoint}/{TENANT}"
            names = ("authorization_endpoint", "token_endpoint", "issuer")
            return 200, {name: f"{base}/oauth2/v2.0/{name.removesuffix('_endpoint')}" for name in names}
        self.asked += 1
        if method == "POST" and address.path == f"/{TENANT}/oauth2/v2.0/token":
            return self._entra(form)
        query = dict(parse_qsl(address.query))
        given = {name.lower(): value for name, value in headers.items()}
        allowed = {"/msi": given.get("x-identity-header") == self.header}
        allowed["/metadata/identity/oauth2/token"] = given.get("metadata") == "true"
        if query.get("resource") != AUDIENCE or not allowed.get(address.path):
            return 401, {"statusCode": 401, "error": "unauthorized_client", "message": "not you"}
        ends = int(time.time()) + self.seconds
        return 200, {
            "access_token": token(seconds=self.seconds),
            "expires_on": str(ends),
            "expires_in": str(self.seconds),
            "resource": AUDIENCE,
            "token_type": "Bearer",
        }

    def _entra(self, form):
        right = form.get("client_secret") == self.secret or form.get("client_assertion") == self.assertion
        if not right or form.get("client_id") != CLIENT or form.get("scope") != f"{AUDIENCE}/.default":
            said = "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent is the value."
            return 401, {"error": "invalid_client", "error_description": said, "error_codes": [7000215]}
        issued = token(seconds=self.seconds, oid=CLIENT)
        return 200, {"token_type": "Bearer", "expires_in": self.seconds, "access_token": issued}


@contextlib.contextmanager
def identities(certificate=None):
    """Serve `Identities`, over https with a certificate."""
    known = Identities()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
            fields = {name: values[0] for name, values in form.items()}
            status, content = known.answer(self.command, self.path, self.headers, fields)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        known.endpoint = f"http://127.0.0.1:{server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_name("key.pem"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
            known.endpoint = f"https://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield known
        finally:
            server.shutdown()
            thread.join()


def az(folder, access_token=None, *, seconds=3600, complaint="Please run 'az login' to setup account."):
    """Put an `az` into a folder: logged in if there is a token, else it fails with the complaint.

    Each run adds a line to the file ``asked`` beside it.
    """
    program = f"""#!{sys.executable}
import json, sys, time
assert sys.argv[1:3] == ["account", "get-access-token"], sys.argv
assert sys.argv[sys.argv.index("--resource") + 1] == {AUDIENCE!r}, sys.argv
with open({str(folder / "asked")!r}, "a") as asked:
    asked.write("x\\n")
if {access_token!r} is None:
    sys.exit({"ERROR: " + complaint!r})
ends = time.time() + {seconds}
local = time.strftime("%Y-%m-%d %H:%M:%S.000000", time.localtime(ends))
print(json.dumps({{"accessToken": {access_token!r}, "expiresOn": local, "expires_on": int(ends),
    "subscription": "s", "tenant": {TENANT!r}, "tokenType": "Bearer"}}))
"""
    (folder / "az").write_text(program)
    (folder / "az").chmod(0o755)
