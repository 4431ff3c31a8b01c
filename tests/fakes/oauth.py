"""Google's side of signing in, on this machine: it gives no token to anybody who cannot prove who they are.

An authorization server (consent page, PKCE, exact redirect, one use of a code), its token endpoint for users and for
service accounts (whose signature, times and audience are verified), token exchange for federated identities,
impersonation, and the metadata server of a machine. Tokens are those of a `tests.fakes.gcs.Gcs`, which checks them.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.fakes import gcs

READ_WRITE = "https://www.googleapis.com/auth/devstorage.read_write"
READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
AUDIENCE = "https://oauth2.googleapis.com/token"  # whatever the address the request comes by
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
_ALLOWS = {READ_WRITE: gcs.EVERYTHING, READ_ONLY: gcs.READING, CLOUD: gcs.EVERYTHING}
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_PAGE = """<!doctype html><title>Consent</title><h1>{client} wants to use your storage</h1>
<form method="post"><button name="choice" value="allow">Allow</button><button name="choice" value="deny">Deny</button>
<button name="choice" value="less">Allow, but not storage</button></form>"""


class Refused(Exception):  # noqa: N818
    def __init__(self, status, error, description=""):
        super().__init__(error)
        self.status, self.error, self.description = status, error, description


class Google:
    """Everything Google knows. ``seconds`` is how long its tokens last; ``requests`` holds the paths that were asked.

    Attributes:
        codes: those that can be used, with what they are for; ``given`` has all there ever were.
        users: refresh token to scope, for those who allowed something and did not take it back.
        machine: the service account of this machine, if it has one.
        federated: tokens of another cloud that may be exchanged.
        impersonators: who may act as whom, as ``(account, target)``.
    """

    def __init__(self, storage, clock=time.time):
        self.storage = storage
        self.clock = clock
        self.endpoint = ""
        self.seconds = 3600
        self.requests = []
        self.clients = {"client-id": "client-s3cret"}
        self.accounts = {}
        self.users = {}
        self.codes = {}
        self.given = []
        self.machine = None
        self.federated = set()
        self.impersonators = set()
        self.busy = 0
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ files

    def client_file(self, kind="installed", **changes):
        """An OAuth client as Google's console gives it."""
        client = {
            "client_id": "client-id",
            "client_secret": "client-s3cret",
            "auth_uri": f"{self.endpoint}/auth",
            "token_uri": f"{self.endpoint}/token",
            "redirect_uris": ["http://localhost"],
        }
        return {kind: client | changes}

    def service_account(self, email="robot@project.iam.gserviceaccount.com", **changes):
        """A key of a service account, as Google's console gives it; the real private key of a public one kept here."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.accounts[email] = private.public_key()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "client_email": email,
            "client_id": "1",
            "auth_uri": f"{self.endpoint}/auth",
            "token_uri": f"{self.endpoint}/token",
        } | changes

    def authorized_user(self, **changes):
        """What gcloud writes when somebody logs in."""
        token = f"1//{secrets.token_urlsafe(24)}"
        self.users[token] = READ_WRITE
        return {
            "type": "authorized_user",
            "client_id": "client-id",
            "client_secret": "client-s3cret",
            "refresh_token": token,
            "token_uri": f"{self.endpoint}/token",
        } | changes

    def impersonating(self, source, target="target@project.iam.gserviceaccount.com"):
        """What gcloud writes for a login that acts as somebody else."""
        return {
            "type": "impersonated_service_account",
            "service_account_impersonation_url": (
                f"{self.endpoint}/v1/projects/-/serviceAccounts/{target}:generateAccessToken"
            ),
            "source_credentials": source,
            "delegates": [],
        }

    def federation(self, token_file):
        """The configuration of a workload identity pool."""
        return {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{self.endpoint}/sts",
            "credential_source": {"file": str(token_file)},
        }

    # ------------------------------------------------------------------ answers

    def consent(self, query):
        """Where the consent page is shown: refused unless the request is one this server can answer for."""
        wanted = {
            "response_type": "code",
            "access_type": "offline",
            "prompt": "consent",
            "code_challenge_method": "S256",
        }
        for name, value in wanted.items():
            if query.get(name) != value:
                raise Refused(400, "invalid_request", f"{name} is {query.get(name)!r}")
        if query["client_id"] not in self.clients:
            raise Refused(401, "invalid_client")
        back = urlsplit(query["redirect_uri"])
        if back.scheme != "http" or back.hostname != "127.0.0.1" or back.port is None or len(query["state"]) < 16:
            raise Refused(400, "redirect_uri_mismatch")
        return _PAGE.format(client=html.escape(query["client_id"]))

    def decided(self, query, choice):
        """The address the browser is sent to."""
        self.consent(query)
        answer = {"state": query["state"]}
        if choice == "deny":
            answer["error"] = "access_denied"
        else:
            answer["code"] = f"4/{secrets.token_urlsafe(24)}"
            answer["scope"] = query["scope"] if choice == "allow" else "openid"
            self.given.append(answer["code"])
            self.codes[answer["code"]] = query | {"granted": answer["scope"]}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def token(self, form, authorization):
        """The token endpoint."""
        if self.busy:
            self.busy -= 1
            raise Refused(503, "temporarily_unavailable")
        kind = form.get("grant_type")
        if kind == _JWT:
            return self._issued(*self._asserted(form["assertion"]))
        if authorization.startswith("Basic "):
            name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
            form |= {"client_id": unquote(name), "client_secret": unquote(secret)}
        if self.clients.get(form.get("client_id")) != form.get("client_secret"):
            raise Refused(401, "invalid_client", "The OAuth client was not found.")
        if kind == "authorization_code":
            return self._coded(form)
        if kind != "refresh_token" or form.get("refresh_token") not in self.users:
            raise Refused(400, "invalid_grant", "Token has been expired or revoked.")
        return self._issued("user@example.com", self.users[form["refresh_token"]])

    def _coded(self, form):
        with self._lock:
            asked = self.codes.pop(form["code"], None)
        if asked is None:
            raise Refused(400, "invalid_grant", "Malformed auth code.")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
            raise Refused(400, "invalid_grant", "Invalid code verifier.")
        if form.get("redirect_uri") != asked["redirect_uri"] or form["client_id"] != asked["client_id"]:
            raise Refused(400, "redirect_uri_mismatch")
        refresh_token = f"1//{secrets.token_urlsafe(24)}"
        self.users[refresh_token] = asked["granted"]
        return self._issued("user@example.com", asked["granted"]) | {"refresh_token": refresh_token}

    def _asserted(self, assertion):
        """The account and the scope of a signed request, if its signature, its audience and its times hold."""
        head, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in assertion.split("."))
        said = json.loads(claims)
        key = self.accounts.get(said["iss"])
        if json.loads(head)["alg"] != "RS256" or key is None:
            raise Refused(400, "invalid_grant", "Invalid grant: account not found")
        try:
            signed = assertion.rpartition(".")[0].encode()
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise Refused(400, "invalid_grant", "Invalid JWT Signature.") from None
        now = self.clock()
        if said["aud"] != AUDIENCE or not now - 3600 < said["iat"] <= now + 60 < said["exp"] + 60:
            raise Refused(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token and in its time.")
        return said["iss"], said["scope"]

    def exchange(self, form):
        """The token of another cloud against one of Google's."""
        if form.get("grant_type") != _EXCHANGE or form.get("subject_token") not in self.federated:
            raise Refused(400, "invalid_grant", "The given credential is rejected by the attribute condition.")
        return self._issued("principal://pool/somebody", form["scope"]) | {
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"
        }

    def impersonate(self, target, bearer, body):
        """A token of another account, for those who may act as it."""
        asking = self.storage.tokens.get(bearer)
        if asking is None or (asking.account, target) not in self.impersonators:
            raise Refused(403, {"code": 403, "status": "PERMISSION_DENIED", "message": "denied"})
        issued = self._issued(target, " ".join(body["scope"]))
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock() + self.seconds))
        return {"accessToken": issued["access_token"], "expireTime": ends}

    def metadata(self, path):
        """What the metadata server of a machine says."""
        if self.machine is None:
            raise Refused(404, "no service account")
        account = "/computeMetadata/v1/instance/service-accounts/"
        if path == f"{account}default/token":
            return self._issued(self.machine, READ_WRITE)
        if path in (f"{account}default/", f"{account}{self.machine}/"):
            return {"email": self.machine, "scopes": [READ_WRITE], "aliases": ["default"]}
        if path == f"{account}default/email":
            return self.machine
        raise Refused(404, path)

    def _issued(self, account, scope):
        actions = frozenset().union(*(_ALLOWS.get(part, frozenset()) for part in scope.split()))
        token = self.storage.issue(actions, account, self.seconds)
        return {"access_token": token, "expires_in": self.seconds, "scope": scope, "token_type": "Bearer"}

    def revoke(self):
        """Every user takes back what they allowed."""
        self.users.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        google, url = self.server.google, urlsplit(self.path)
        google.requests.append(url.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if url.path == "/auth":
            self.attempt(lambda: self.say(200, google.consent(query).encode(), "text/html"))
        elif url.path.startswith("/computeMetadata/") and self.headers.get("Metadata-Flavor") == "Google":
            self.attempt(lambda: self.tell(google.metadata(url.path)))
        else:
            self.say(404, b"nothing here")

    def do_POST(self):
        google, url = self.server.google, urlsplit(self.path)
        google.requests.append(url.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        form = {name: values[-1] for name, values in parse_qs(body.decode(errors="replace")).items()}
        authorization = self.headers.get("Authorization", "")
        if url.path == "/auth":
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            self.send_response(303)
            self.send_header("Location", google.decided(query, form["choice"]))
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif url.path == "/token":
            self.attempt(lambda: self.tell(google.token(form, authorization)))
        elif url.path == "/v1/token":
            answer = google.storage.respond(gcs.parsed("POST", self.path, {}, body))
            self.say(answer.status, answer.body, "application/json")
        elif url.path == "/sts":
            self.attempt(lambda: self.tell(google.exchange(form)))
        elif url.path.endswith(":generateAccessToken"):
            target = url.path.rpartition("/")[2].partition(":")[0]
            bearer = authorization.removeprefix("Bearer ")
            self.attempt(lambda: self.tell(google.impersonate(target, bearer, json.loads(body))))
        else:
            self.say(404, b"nothing here")

    def attempt(self, answer):
        try:
            answer()
        except Refused as refused:
            said = {"error": refused.error, "error_description": refused.description}
            self.say(refused.status, json.dumps(said).encode(), "application/json")

    def tell(self, content):
        if isinstance(content, str):
            self.say(200, content.encode(), "application/text")
        else:
            self.say(200, json.dumps(content).encode(), "application/json")

    def say(self, status, body, kind="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Metadata-Flavor", "Google")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def google(storage, clock=time.time):
    """The servers, at one ``endpoint`` on this machine."""
    service = Google(storage, clock)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        server.google = service
        service.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
