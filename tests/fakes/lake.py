"""A hierarchical namespace in front of azurite, which has none: our own reading of Data Lake Storage Gen2.

Requests of the blob API pass through byte for byte, so that azurite judges their signatures; around them folders are
kept, as empty blobs with the mark that the real service answers with, too. The three requests of the data lake API
that are served here (list the root, remove a folder, rename one) are done by the SDK with what the caller has signed in
with, so that azurite judges that as well; a shared key it cannot judge, and it is verified here.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import ssl
import threading
import time
from datetime import UTC, datetime
from email.utils import formatdate
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from azure.core.credentials import AccessToken, AzureSasCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.fakes import azurite

_FOLDER = {"hdi_isfolder": "true"}
_SAS = ("sv", "sr", "sdd", "sp", "st", "se", "spr", "sig")
_HOP = {"connection", "transfer-encoding", "keep-alive"}


@contextlib.contextmanager
def lake(endpoint, certificate=None):
    """Serve the account at azurite's ``endpoint`` with folders; gives the new endpoint."""
    trusted = ssl.create_default_context(cafile=certificate) if certificate else None

    class Handler(_Handler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True
        behind = urlsplit(endpoint)
        tls = trusted
        folders = _Folders(endpoint, {"connection_verify": str(certificate)} if certificate else {})

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_name("key.pem"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"{scheme}://127.0.0.1:{server.server_port}/{azurite.ACCOUNT}"
        finally:
            server.shutdown()
            thread.join()


class _Folders:
    """What a flat account does not know; its methods give an error code, or None."""

    def __init__(self, endpoint, options):
        self.endpoint = endpoint
        self.options = options
        self.known = set()
        self.lock = threading.Lock()

    def client(self, container, credential=azurite.KEY):
        from azure.storage.blob import ContainerClient

        if isinstance(credential, str):
            credential = {"account_name": azurite.ACCOUNT, "account_key": credential}
        return ContainerClient(
            self.endpoint, container, credential=credential, retry_total=0, api_version=azurite.VERSION, **self.options
        )

    def is_folder(self, container, path, credential=azurite.KEY):
        """True, False, or None if there is nothing."""
        try:
            found = self.client(container, credential).get_blob_client(path).get_blob_properties()
        except ResourceNotFoundError:
            return None
        return found.metadata.get("hdi_isfolder") == "true"

    def before_put(self, container, path):
        if (container, path) in self.known:
            return 409, "ResourceTypeMismatch"
        parts = path.split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            with self.lock:
                if (container, above) in self.known:
                    continue
                if self.is_folder(container, above) is False:
                    return 409, "PathConflict"
                self.client(container).upload_blob(above, b"", overwrite=True, metadata=_FOLDER)
                self.known.add((container, above))
        return None

    def before_delete(self, container, path):
        if (container, path) not in self.known:
            return None
        if next(iter(self.client(container).list_blobs(f"{path}/", results_per_page=1)), None):
            return 409, "DirectoryIsNotEmpty"
        self.known.discard((container, path))
        return None

    def delete(self, container, path, credential):
        if self.is_folder(container, path, credential) is None:
            return 404, "PathNotFound"
        client = self.client(container, credential)
        for name in sorted((blob.name for blob in client.list_blobs(f"{path}/")), reverse=True):
            client.delete_blob(name)
        client.delete_blob(path)
        self.known = {there for there in self.known if not f"{there[1]}/".startswith(f"{path}/")}
        return None

    def listed(self, container, credential):
        """What is in the root, as the data lake API puts it."""
        for blob in self.client(container, credential).list_blobs(include=["metadata"]):
            if "/" not in blob.name:
                kind = {"isDirectory": "true"} if (blob.metadata or {}).get("hdi_isfolder") == "true" else {}
                when = formatdate(blob.last_modified.timestamp(), usegmt=True)
                yield {"name": blob.name, "contentLength": str(blob.size), "lastModified": when, **kind}

    def rename(self, container, old, new, credential):
        if self.is_folder(container, old, credential) is None:
            return 404, "SourcePathNotFound"
        if self.is_folder(container, new) is not None:
            return 409, "PathAlreadyExists"
        if refused := self.before_put(container, new):
            return refused
        client = self.client(container, credential)
        for blob in [
            *client.list_blobs(f"{old}/", include=["metadata"]),
            client.get_blob_client(old).get_blob_properties(),
        ]:
            target = f"{new}{blob.name.removeprefix(old)}"
            client.upload_blob(target, client.download_blob(blob.name).readall(), metadata=blob.metadata)
        self.known |= {
            (container, f"{new}{path.removeprefix(old)}") for _, path in self.known if f"{path}/".startswith(f"{old}/")
        }
        return self.delete(container, old, credential)


class _Handler(BaseHTTPRequestHandler):
    def setup(self):
        super().setup()
        if self.tls:
            self.upstream = HTTPSConnection(self.behind.hostname, self.behind.port, context=self.tls)
        else:
            self.upstream = HTTPConnection(self.behind.hostname, self.behind.port)

    def finish(self):
        self.upstream.close()
        super().finish()

    def do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        _, _, container, path = (unquote(address.path) + "///").split("/", 3)
        path = path.rstrip("/")
        refused = self.judged(query, container, path) if query.get("sr") == "d" else None
        if refused:
            return self.refuse(*refused)
        if self.command == "PUT" and "x-ms-rename-source" in self.headers:
            return self.renames(container, path, query)
        if self.command == "DELETE" and "recursive" in query:
            return self.dfs(200, query, lambda credential: self.folders.delete(container, path, credential))
        if self.command == "GET" and query.get("resource") == "filesystem":
            assert query["recursive"] == "false"
            assert "directory" not in query
            return self.dfs(200, query, lambda credential: {"paths": list(self.folders.listed(container, credential))})
        if self.command == "PUT" and path and query.get("comp", "") in ("", "blocklist"):
            refused = self.folders.before_put(container, path)
        if self.command == "DELETE" and path:
            refused = self.folders.before_delete(container, path)
        return self.refuse(*refused) if refused else self.forward(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_OPTIONS = do  # noqa: N815

    def judged(self, query, container, path):
        """What is wrong with a signature for a folder; if nothing is, the request goes on as one of the account itself.

        https://learn.microsoft.com/rest/api/storageservices/create-service-sas: the folder is as many parts of the
        path as the signature says, so that it fits no path elsewhere. Those that a login has made are not judged.
        """
        sas = {name: query.pop(name, "") for name in _SAS}
        is_list = query.get("comp") == "list"
        parts = (query.get("prefix", "") if is_list else path).split("/")
        folder = "/".join(parts[: int(sas["sdd"])])
        resource = f"/blob/{azurite.ACCOUNT}/{container}/{folder}"
        lines = [sas["sp"], sas["st"], sas["se"], resource, "", "", sas["spr"], sas["sv"], "d", "", "", *[""] * 5]
        digest = hmac.digest(base64.b64decode(azurite.KEY), "\n".join(lines).encode(), "sha256")
        if not hmac.compare_digest(base64.b64encode(digest).decode(), sas["sig"]):
            return 403, "AuthenticationFailed"
        if datetime.fromisoformat(sas["se"]) <= datetime.now(UTC):
            return 403, "AuthenticationFailed"
        needed = {"GET": "l" if is_list else "r", "HEAD": "r", "PUT": "w", "DELETE": "d"}[self.command]
        if needed == "w" and self.folders.is_folder(container, path) is None:
            needed = "wc"
        if not set(needed) & set(sas["sp"]) or "x-ms-rename-source" in self.headers:
            return 403, "AuthorizationPermissionMismatch"
        address = urlsplit(self.path)
        kept = [part for part in address.query.split("&") if part.partition("=")[0] not in _SAS]
        self.path = urlunsplit(("", "", address.path, "&".join(kept), ""))
        self.headers["Authorization"] = f"SharedKey {azurite.ACCOUNT}:{self.signature()}"
        return None

    def renames(self, container, path, query):
        source, _, sas = self.headers["x-ms-rename-source"].partition("?")
        _, other, old = unquote(source).split("/", 2)
        assert other == container
        query |= dict(parse_qsl(sas))
        return self.dfs(201, query, lambda credential: self.folders.rename(container, old, path, credential))

    def dfs(self, status, query, serve):
        """One request of the data lake API, with the caller's own credentials."""
        try:
            credential = self.credential(query)
            refused = serve(credential) if credential else (403, "AuthenticationFailed")
            if isinstance(refused, dict):
                return self.answer(status, {"Content-Type": "application/json"}, json.dumps(refused).encode())
        except HttpResponseError as error:
            refused = error.status_code, getattr(error.error_code, "value", error.error_code)
        if refused:
            return self.refuse(*refused)
        return self.answer(status, {}, b"")

    def credential(self, query):
        if "sig" in query:
            names = ("sv", "ss", "srt", "sp", "se", "st", "spr", "sig", "sr", "sip", "si")
            names += ("skoid", "sktid", "skt", "ske", "sks", "skv")
            return AzureSasCredential("&".join(f"{n}={_quoted(query[n])}" for n in names if n in query))
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer":
            return _Token(token)
        return azurite.KEY if token == f"{azurite.ACCOUNT}:{self.signature()}" else None

    def signature(self):
        """What a shared key would sign this request with, by the rules of the service's documentation."""
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("content-length") == "0":
            headers["content-length"] = ""
        plain = ("encoding", "language", "length", "md5", "type")
        lines = [self.command, *(headers.get(f"content-{name}", "") for name in plain)]
        conditions = ("date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range")
        lines += [headers.get(name, "") for name in conditions]
        lines += sorted(f"{name}:{value}" for name, value in headers.items() if name.startswith("x-ms-"))
        lines.append(f"/{azurite.ACCOUNT}{address.path}")
        lines += sorted(f"{name}:{value}" for name, value in parse_qsl(address.query, keep_blank_values=True))
        digest = hmac.digest(base64.b64decode(azurite.KEY), "\n".join(lines).encode(), "sha256")
        return base64.b64encode(digest).decode()

    def forward(self, body):
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            self.upstream.putheader(name, value)
        self.upstream.endheaders(body)
        answer = self.upstream.getresponse()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
        content = answer.read()
        if "restype=account" in self.path and answer.status == 200:
            headers = {name: v for name, v in headers.items() if name.lower() != "x-ms-is-hns-enabled"}
            headers["x-ms-is-hns-enabled"] = "true"
        self.answer(answer.status, headers, content)

    def refuse(self, status, code):
        body = json.dumps({"error": {"code": str(code), "message": "said by the lake"}}).encode()
        self.answer(status, {"x-ms-error-code": str(code), "Content-Type": "application/json"}, body)

    def answer(self, status, headers, body):
        self.send_response_only(status)
        names = {name.lower() for name in headers}
        if self.command != "HEAD" and "content-length" not in names and status not in (204, 304):
            headers = {**headers, "Content-Length": str(len(body))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


class _Token:
    def __init__(self, token):
        self._token = token

    def get_token(self, *scopes, **options):
        return AccessToken(self._token, int(time.time()) + 3600)


def _quoted(value):
    from urllib.parse import quote

    return quote(value, safe="")
