"""The services around S3 that hand out keys, on this machine: each asks for its own kind of proof.

What they hand out are keys of a real server (moto in auth mode), so that S3 judges them as it judges any.
"""

from __future__ import annotations

import contextlib
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from deeplake_nb.credentials.chain import utc_now


class Vendor:
    """Hands out ``keys`` (as ``creds=`` takes them) to whoever has the right ``token``.

    ``requests`` holds ``(method, path)``; ``life`` is how long keys are said to live, by the ``clock``; ``refusals``
    come first.
    """

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.keys = {}
        self.token = "let-me-in"
        self.life, self.clock = timedelta(hours=1), utc_now
        self.requests = []
        self.refusals = []

    @property
    def end(self):
        return self.clock() + self.life

    def names(self, access, secret, token, end):
        """The keys, under the names of one service."""
        found = {access: self.keys["aws_access_key_id"], secret: self.keys["aws_secret_access_key"]}
        return {**found, token: self.keys["aws_session_token"], **end}

    def answer(self, handler, body):  # noqa: PLR0911
        path = urlsplit(handler.path).path
        self.requests.append((handler.command, path))
        if self.refusals:
            return self.refusals.pop(0), {}
        iso = self.end.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if path.startswith("/latest/"):
            return self._instance(handler, path, iso)
        if path == "/container":
            if handler.headers.get("Authorization") != self.token:
                return 401, {"message": "no"}
            return 200, self.names("AccessKeyId", "SecretAccessKey", "Token", {"Expiration": iso})
        if path == "/federation/credentials":
            if handler.headers.get("x-amz-sso_bearer_token") != self.token:
                return 401, {"__type": "UnauthorizedException", "message": "Session token not found or invalid"}
            end = {"expiration": int(self.end.timestamp() * 1000)}
            return 200, {"roleCredentials": self.names("accessKeyId", "secretAccessKey", "sessionToken", end)}
        if path == "/token":
            asked = json.loads(body)
            if (asked["grantType"], asked["refreshToken"]) != ("refresh_token", "renew-me"):
                return 400, {"error": "invalid_grant", "__type": "InvalidGrantException"}
            return 200, {
                "accessToken": self.token,
                "expiresIn": 3600,
                "refreshToken": "renew-me",
                "tokenType": "Bearer",
            }
        return self._federated(parse_qs(body.decode()), iso)

    def _instance(self, handler, path, iso):
        """The metadata service of a machine, version 2."""
        if path == "/latest/api/token":
            return 200, "session" if handler.command == "PUT" else ""
        if handler.headers.get("X-aws-ec2-metadata-token") != "session":
            return 401, ""
        role = "/latest/meta-data/iam/security-credentials/"
        if path == role:
            return 200, "machine-role"
        if path != f"{role}machine-role":
            return 404, ""
        more = {"Code": "Success", "LastUpdated": "2020-01-01T00:00:00Z", "Type": "AWS-HMAC", "Expiration": iso}
        return 200, self.names("AccessKeyId", "SecretAccessKey", "Token", more)

    def _federated(self, asked, iso):
        """STS, for a token of another identity provider."""
        if asked.get("Action") != ["AssumeRoleWithWebIdentity"] or asked.get("WebIdentityToken") != [self.token]:
            error = "<Code>InvalidIdentityToken</Code><Message>no</Message>"
            return 400, f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
        found = self.names("AccessKeyId", "SecretAccessKey", "SessionToken", {"Expiration": iso})
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in found.items())
        result = (
            f"<AssumeRoleWithWebIdentityResult><Credentials>{inner}</Credentials></AssumeRoleWithWebIdentityResult>"
        )
        return 200, f"<AssumeRoleWithWebIdentityResponse>{result}</AssumeRoleWithWebIdentityResponse>"


@contextlib.contextmanager
def vendor():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = made.answer(self, body)
            text = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Content-Type", "text/xml" if text.startswith(b"<") else "application/json")
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = answer  # noqa: N815

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made = Vendor(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
