"""Google Cloud Storage on this machine: the part of its JSON API that storages use, and every token is checked.

`Gcs.respond` is the service, from request to answer; `emulator` puts it behind a port. ``issue`` gives tokens out, as
the fake authorization server does for those who prove who they are.
"""

from __future__ import annotations

import base64
import contextlib
import email.parser
import email.policy
import gzip
import hashlib
import itertools
import json
import re
import secrets
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

import google_crc32c

EVERYTHING = frozenset({"get", "list", "create", "delete", "admin"})
READING = frozenset({"get", "list"})
_QUANTUM = 256 << 10
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_ROLES = {
    "inRole:roles/storage.objectViewer": READING,
    "inRole:roles/storage.objectCreator": {"create"},
    "inRole:roles/storage.objectUser": READING | {"create", "delete"},
}
_TEXT = r"('(?:[^'\\]|\\.)*')"
_CLAUSES = {
    "name": re.compile(r"resource\.name\.startsWith\(" + _TEXT + r"\)"),
    "prefix": re.compile(
        r"api\.getAttribute\('storage\.googleapis\.com/objectListPrefix', ''\)\.startsWith\(" + _TEXT + r"\)"
    ),
}
_SETTINGS = ("cors", "location", "locationType", "billing", "labels", "storageClass")


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # lowercase names
    body: bytes


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, content, status=200, **headers):
        return cls(status, json.dumps(content).encode(), {"Content-Type": "application/json; charset=UTF-8", **headers})


class Refused(Exception):  # noqa: N818
    def __init__(self, status, reason, message=""):
        super().__init__(message or reason)
        self.status, self.reason, self.message = status, reason, message or reason


@dataclass
class Token:
    actions: frozenset[str]
    account: str
    ends: float
    rules: list[dict] | None = None  # of an access boundary

    def may(self, action, bucket, name, prefix):
        """Whether it is for this action, on an object or, without a name, on a bucket or its listing."""
        if action not in self.actions:
            return False
        return self.rules is None or any(_is_within(rule, action, bucket, name, prefix) for rule in self.rules)


@dataclass
class Stored:
    content: bytes
    metadata: dict
    generation: int

    def resource(self, bucket, name):
        kept = {
            "kind": "storage#object",
            "id": f"{bucket}/{name}/{self.generation}",
            "name": name,
            "bucket": bucket,
            "generation": str(self.generation),
            "metageneration": "1",
            "size": str(len(self.content)),
            "crc32c": crc32c(self.content),
            "md5Hash": md5(self.content),
            "etag": f"e{self.generation}",
            "storageClass": "STANDARD",
            "timeCreated": "2026-01-01T00:00:00Z",
            "updated": "2026-01-01T00:00:00Z",
        }
        if self.metadata.get("componentCount"):
            del kept["md5Hash"]
        return self.metadata | kept


@dataclass
class Bucket:
    settings: dict = field(default_factory=lambda: {"location": "EU", "locationType": "multi-region"})
    objects: dict[str, Stored] = field(default_factory=dict)
    public: bool = False


@dataclass
class Session:
    bucket: str
    name: str
    metadata: dict
    query: dict[str, str]
    received: bytearray = field(default_factory=bytearray)


class Gcs:
    """Everything the service knows. ``requests`` holds ``(method, path)`` of what came."""

    def __init__(self, clock=time.time):
        self.endpoint = ""
        self.buckets: dict[str, Bucket] = {"bucket": Bucket()}
        self.tokens: dict[str, Token] = {}
        self.sessions: dict[str, Session] = {}  # uploads under way
        self.finished: dict[str, Response] = {}
        self.requests: list[tuple[str, str]] = []
        self.connections = 0
        self._clock = clock
        self._generations = itertools.count(1_700_000_000_000_000)
        self._lock = threading.RLock()

    def issue(self, actions=EVERYTHING, account="someone@project.iam.gserviceaccount.com", seconds=3600.0, token=None):
        """A token that may do this, for so long."""
        token = token or f"ya29.{secrets.token_urlsafe(24)}"
        self.tokens[token] = Token(frozenset(actions), account, self._clock() + seconds)
        return token

    def write(self, bucket, name, content, **metadata):
        with self._lock:
            stored = Stored(bytes(content), metadata, next(self._generations))
            self.buckets[bucket].objects[name] = stored
            return stored

    def read(self, bucket, name):
        found = self.buckets[bucket].objects.get(name)
        return found.content if found else None

    def _exchange(self, request):
        """A token for one that does less: https://cloud.google.com/iam/docs/downscoping-short-lived-credentials."""
        form = dict(parse_qsl(request.body.decode()))
        kinds = {form.get(f"{name}_token_type") for name in ("subject", "requested")}
        if form.get("grant_type") != _EXCHANGE or kinds != {_ACCESS_TOKEN}:
            return Response.of({"error": "invalid_request"}, 400)
        held = self.tokens.get(form.get("subject_token"))
        if held is None or held.ends <= self._clock() or held.rules is not None:
            return Response.of({"error": "invalid_grant", "error_description": "Invalid subject token."}, 400)
        rules = json.loads(unquote(form["options"]))["accessBoundary"]["accessBoundaryRules"]
        if not 0 < len(rules) <= 10:
            return Response.of({"error": "invalid_request"}, 400)
        for rule in rules:
            _is_within(rule, "get", "", None, "")  # it can be read
        token = self.issue(held.actions, held.account, held.ends - self._clock())
        self.tokens[token].rules = rules
        answer = {"access_token": token, "issued_token_type": _ACCESS_TOKEN, "token_type": "Bearer"}
        return Response.of(answer | {"expires_in": int(held.ends - self._clock())})

    # ------------------------------------------------------------------ requests

    def respond(self, request):
        self.requests.append((request.method, request.path))
        try:
            with self._lock:
                return self._route(request)
        except Refused as refused:
            if request.query.get("alt") == "media":  # downloads are refused in plain text
                return Response(refused.status, refused.message.encode(), {"Content-Type": "text/html"})
            error = {"message": refused.message, "domain": "global", "reason": refused.reason}
            return Response.of(
                {"error": {"code": refused.status, "message": refused.message, "errors": [error]}}, refused.status
            )

    def _route(self, request):
        for method, pattern, handler in _ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and request.method == method:
                return handler(self, request, *(unquote(group) for group in found.groups()))
        raise Refused(404, "notFound", "Not Found")

    def _token(self, request):
        """Who asks; None is nobody."""
        header = request.headers.get("authorization")
        if header is None:
            return None
        token = self.tokens.get(header.removeprefix("Bearer "))
        if token is None or token.ends <= self._clock() or not header.startswith("Bearer "):
            raise Refused(401, "authError", "Invalid Credentials")
        return token

    def _allowed(self, request, bucket, *actions, name=None, prefix=""):
        """The bucket, if whoever asks may do that there: on an object, or on the bucket."""
        token = self._token(request)
        found = self.buckets.get(bucket)
        if found is None:
            raise Refused(404, "notFound", "The specified bucket does not exist.")
        if found.settings.get("billing", {}).get("requesterPays") and "userProject" not in request.query:
            message = "Bucket is a requester pays bucket but no user project provided."
            raise Refused(400, "required", message)
        for action in actions:
            is_held = token.may(action, bucket, name, prefix) if token else found.public and action in READING
            if not is_held:
                if token is None:
                    raise Refused(401, "required", f"Anonymous caller does not have storage.objects.{action} access")
                message = f"{token.account} does not have storage.objects.{action} access to the Google Cloud Storage"
                raise Refused(
                    403, "forbidden", f"{message} object. Permission denied on resource (or it may not exist)."
                )
        return found

    def _found(self, request, bucket, name, *actions):
        place = self._allowed(request, bucket, *actions, name=name)
        if name not in place.objects:
            if actions == ("get",):
                self._allowed(request, bucket, "list")
            raise Refused(404, "notFound", f"No such object: {bucket}/{name}")
        _check_condition(request.query, place.objects[name])
        return place.objects[name]

    # buckets

    def _create_bucket(self, request):
        if "admin" not in getattr(self._token(request), "actions", ()):
            raise Refused(403, "forbidden")
        wanted = json.loads(request.body)
        if wanted["name"] in self.buckets:
            raise Refused(409, "conflict")
        self.buckets[wanted["name"]] = Bucket()
        return self._bucket_resource(wanted["name"])

    def _get_bucket(self, request, bucket):
        self._allowed(request, bucket, "get")
        return self._bucket_resource(bucket)

    def _patch_bucket(self, request, bucket):
        found = self._allowed(request, bucket, "admin")
        found.settings |= {name: value for name, value in json.loads(request.body).items() if name in _SETTINGS}
        return self._bucket_resource(bucket)

    def _delete_bucket(self, request, bucket):
        if self._allowed(request, bucket, "admin").objects:
            raise Refused(409, "conflict", "The bucket you tried to delete is not empty.")
        del self.buckets[bucket]
        return Response(204)

    def _bucket_resource(self, bucket):
        settings = self.buckets[bucket].settings
        return Response.of({"kind": "storage#bucket", "name": bucket, "id": bucket, "metageneration": "1"} | settings)

    def _permissions(self, request, bucket):
        self._allowed(request, bucket)
        token = self._token(request)
        held = token.actions if token else READING if self.buckets[bucket].public else frozenset()
        asked = {name.rpartition(".")[2]: name for name in request.query.get("permissions", "").split(",")}
        return Response.of({"permissions": [name for action, name in asked.items() if action in held]})

    # objects

    def _list(self, request, bucket):
        query = request.query
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        place = self._allowed(request, bucket, "list", prefix=prefix)
        most = min(int(query.get("maxResults", 1000)), 1000)
        after = base64.b64decode(query.get("pageToken", "")).decode()
        names = sorted(place.objects, key=str.encode)
        found, folders, last = [], [], after
        for name in names:
            if not name.startswith(prefix) or name.encode() <= after.encode():
                continue
            if name < query.get("startOffset", "") or ("endOffset" in query and name >= query["endOffset"]):
                continue
            end = name.find(delimiter, len(prefix)) if delimiter else -1
            folder = name[: end + len(delimiter)] if end >= 0 else None
            if folder is not None and (folder in folders or (after.endswith(delimiter) and name.startswith(after))):
                continue
            if len(found) + len(folders) == most:
                token = base64.b64encode(last.encode()).decode()
                break
            last = folder or name
            if folder is None:
                found.append(place.objects[name].resource(bucket, name))
            else:
                folders.append(folder)
        else:
            token = None
        page = {"kind": "storage#objects", "items": found, "prefixes": folders, "nextPageToken": token}
        return Response.of({name: value for name, value in page.items() if value})

    def _get(self, request, bucket, name):
        stored = self._found(request, bucket, name, "get")
        if request.query.get("alt") != "media":
            return Response.of(stored.resource(bucket, name))
        content, status = stored.content, 200
        resource = stored.resource(bucket, name)
        hashes = [f"crc32c={resource['crc32c']}", f"md5={resource.get('md5Hash', '')}"]
        headers = {
            "Content-Type": stored.metadata.get("contentType", "application/octet-stream"),
            "Cache-Control": stored.metadata.get("cacheControl", "public, max-age=3600"),
            "X-Goog-Generation": resource["generation"],
            "X-Goog-Hash": ",".join(hashes),
            "X-Goog-Stored-Content-Length": resource["size"],
            "X-Goog-Stored-Content-Encoding": stored.metadata.get("contentEncoding", "identity"),
        }
        if stored.metadata.get("contentEncoding") == "gzip":
            if "gzip" not in request.headers.get("accept-encoding", ""):
                return Response(200, gzip.decompress(content), headers | {"Transfer-Encoding": "chunked"})
            headers["Content-Encoding"] = "gzip"
        if wanted := re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", "")):
            first, last = wanted.groups()
            start = int(first) if first else max(len(content) - int(last), 0)
            stop = min(int(last) + 1, len(content)) if first and last else len(content)
            if start >= len(content):
                raise Refused(416, "requestedRangeNotSatisfiable", "The requested range cannot be satisfied.")
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
            content, status = content[start:stop], 206
        return Response(status, content, headers)

    def _patch(self, request, bucket, name):
        stored = self._found(request, bucket, name, "create")
        stored.metadata |= json.loads(request.body)
        return Response.of(stored.resource(bucket, name))

    def _delete(self, request, bucket, name):
        self._found(request, bucket, name, "delete")
        del self.buckets[bucket].objects[name]
        return Response(204)

    def _compose(self, request, bucket, name):
        place = self._allowed(request, bucket, "create", "get", name=name)
        wanted = json.loads(request.body)
        sources = [self._found(request, bucket, part["name"]) for part in wanted["sourceObjects"]]
        _check_condition(request.query, place.objects.get(name))
        metadata = wanted.get("destination", {}) | {"componentCount": len(sources)}
        stored = self.write(bucket, name, b"".join(source.content for source in sources), **metadata)
        return Response.of(stored.resource(bucket, name))

    def _rewrite(self, request, bucket, name, to_bucket, to_name):
        source = self._found(request, bucket, name, "get")
        self._allowed(request, to_bucket, "create", name=to_name)
        stored = self.write(to_bucket, to_name, source.content, **source.metadata)
        resource = stored.resource(to_bucket, to_name)
        done = {"kind": "storage#rewriteResponse", "done": True, "resource": resource}
        size = {"totalBytesRewritten": resource["size"], "objectSize": resource["size"]}
        return Response.of(resource if "/copyTo/" in request.path else done | size)

    # uploads

    def _upload(self, request, bucket):
        if request.query.get("uploadType") == "resumable":
            metadata = json.loads(request.body or b"{}")
            name = metadata.pop("name", request.query.get("name"))
            self._may_write(request, bucket, name)
            session = secrets.token_urlsafe(16)
            self.sessions[session] = Session(bucket, name, metadata, request.query)
            location = f"http://{request.headers['host']}{request.path}?uploadType=resumable&upload_id={session}"
            return Response(200, b"", {"Location": location})
        metadata, content = {}, request.body
        if request.query.get("uploadType") == "multipart":
            described, content = _parts(request)
            metadata = json.loads(described)
        name = metadata.pop("name", request.query.get("name"))
        self._may_write(request, bucket, name)
        return self._store(bucket, name, content, metadata)

    def _may_write(self, request, bucket, name):
        place = self._allowed(request, bucket, "create", name=name)
        if name in place.objects:
            self._allowed(request, bucket, "delete", name=name)
        _check_condition(request.query, place.objects.get(name))

    def _store(self, bucket, name, content, metadata):
        for field_name, found in (("crc32c", crc32c(content)), ("md5Hash", md5(content))):
            if metadata.pop(field_name, found) != found:
                raise Refused(400, "invalid", f"Provided {field_name} doesn't match calculated value.")
        return Response.of(self.write(bucket, name, content, **metadata).resource(bucket, name))

    def _resume(self, request, bucket):
        key = request.query.get("upload_id", "")
        if key in self.finished:
            return self.finished[key]
        session = self.sessions.get(key)
        if session is None or session.bucket != bucket:
            raise Refused(404, "notFound")
        span = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", request.headers.get("content-range", ""))
        if span is None:
            raise Refused(400, "invalid", "Content-Range")
        if span[1] is not None:
            if int(span[1]) != len(session.received) or int(span[2]) - int(span[1]) + 1 != len(request.body):
                raise Refused(503, "backendError", "out of order")
            session.received += request.body
        if span[3] == "*" or len(session.received) < int(span[3]):
            if len(session.received) % _QUANTUM:
                raise Refused(400, "invalid", "chunks are multiples of 256 KiB")
            reached = {"Range": f"bytes=0-{len(session.received) - 1}"} if session.received else {}
            return Response(308, b"", reached)
        _check_condition(session.query, self.buckets[bucket].objects.get(session.name))
        stated = re.search(r"crc32c=([^,]+)", request.headers.get("x-goog-hash", ""))
        metadata = session.metadata | ({"crc32c": stated[1]} if stated else {})
        self.finished[key] = self._store(bucket, session.name, bytes(session.received), metadata)
        del self.sessions[key]
        return self.finished[key]

    def _cancel(self, request, bucket):
        del bucket
        if self.sessions.pop(request.query.get("upload_id", ""), None) is None:
            raise Refused(404, "notFound")
        return Response(499)

    # many at once, and browsers

    def _batch(self, request):
        content_type = request.headers["content-type"]
        whole = f"Content-Type: {content_type}\r\n\r\n".encode() + request.body
        answers = []
        for part in email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(whole).iter_parts():
            head, _, body = part.get_payload(decode=True).decode().replace("\r\n", "\n").partition("\n\n")
            line, *headers = head.splitlines()
            method, address, *_ = line.split(" ")
            named = {name.lower(): value.strip() for name, _, value in (header.partition(":") for header in headers)}
            named.setdefault("authorization", request.headers.get("authorization"))
            answer = self.respond(parsed(method, address, {n: v for n, v in named.items() if v}, body.encode()))
            number = part["Content-ID"]
            answers.append(
                f"--batch\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>\r\n\r\n"
                f"HTTP/1.1 {answer.status} X\r\nContent-Type: application/json\r\n\r\n{answer.body.decode()}\r\n"
            )
        body = "".join(answers) + "--batch--"
        return Response(200, body.encode(), {"Content-Type": "multipart/mixed; boundary=batch"})

    def _preflight(self, request, bucket, name):
        del name
        origin, method = request.headers.get("origin"), request.headers.get("access-control-request-method")
        for rule in self.buckets[bucket].settings.get("cors", ()):
            if {origin, "*"} & set(rule.get("origin", ())) and {method, "*"} & set(rule.get("method", ())):
                return Response(200, b"", {"Access-Control-Allow-Origin": origin})
        return Response(200)


_B, _O = r"/(?:download/)?storage/v1/b/([^/]+)", r"/o/([^/]+)"
_ROUTES = [
    ("POST", r"/(?:resumable/)?upload/storage/v1/b/([^/]+)/o", Gcs._upload),
    ("PUT", r"/(?:resumable/)?upload/storage/v1/b/([^/]+)/o", Gcs._resume),
    ("DELETE", r"/(?:resumable/)?upload/storage/v1/b/([^/]+)/o", Gcs._cancel),
    ("POST", r"/batch/storage/v1", Gcs._batch),
    ("POST", r"/v1/token", Gcs._exchange),
    ("POST", r"/storage/v1/b", Gcs._create_bucket),
    ("GET", _B, Gcs._get_bucket),
    ("PATCH", _B, Gcs._patch_bucket),
    ("DELETE", _B, Gcs._delete_bucket),
    ("GET", _B + "/iam/testPermissions", Gcs._permissions),
    ("GET", _B + "/o", Gcs._list),
    ("GET", _B + _O, Gcs._get),
    ("PATCH", _B + _O, Gcs._patch),
    ("DELETE", _B + _O, Gcs._delete),
    ("OPTIONS", _B + _O, Gcs._preflight),
    ("OPTIONS", r"/([^/]+)/(.+)", Gcs._preflight),  # of the XML API, which browsers use
    ("POST", _B + _O + "/compose", Gcs._compose),
    ("POST", _B + _O + r"/(?:rewriteTo|copyTo)/b/([^/]+)" + _O, Gcs._rewrite),
]


def crc32c(content):
    return base64.b64encode(google_crc32c.value(content).to_bytes(4)).decode()


def md5(content):
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def parsed(method, address, headers, body):
    url = urlsplit(address)
    query = {}
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return Request(method, url.path, query, headers, body)


def _is_within(rule, action, bucket, name, prefix):
    """Whether a rule of an access boundary lets this through; every part of it must be one that is known here."""
    assert set(rule) <= {"availableResource", "availablePermissions", "availabilityCondition"}
    roles = [_ROLES[role] for role in rule["availablePermissions"]]
    given = {
        "name": f"projects/_/buckets/{bucket}" + (f"/objects/{name}" if name is not None else ""),
        "prefix": prefix,
    }
    expression = rule.get("availabilityCondition", {}).get("expression")
    is_met = expression is None
    while expression:
        kind, clause = next((k, found) for k, c in _CLAUSES.items() if (found := c.match(expression)))
        wanted = re.sub(
            r"\\(u[0-9a-f]{4}|.)",
            lambda found: chr(int(found[1][1:], 16)) if len(found[1]) > 1 else found[1],
            clause[1][1:-1],
        )
        is_met |= given[kind].startswith(wanted)
        rest = expression[clause.end() :]
        assert not rest or rest.startswith(" || "), rest
        expression = rest.removeprefix(" || ")
    is_here = rule["availableResource"] == f"//storage.googleapis.com/projects/_/buckets/{bucket}"
    return is_here and is_met and any(action in role for role in roles)


def _check_condition(query, stored):
    generation = stored.generation if stored else 0
    if query.get("ifGenerationMatch", str(generation)) != str(generation):
        raise Refused(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
    if query.get("ifGenerationNotMatch") == str(generation):
        raise Refused(304, "notModified")


def _parts(request):
    """The two parts of a multipart/related body: the description as text, and the content."""
    boundary = re.search(r"boundary=\"?([^\";]+)", request.headers["content-type"])[1].strip("'").encode()
    _, described, content, _ = re.split(rb"(?:\r\n)?--" + re.escape(boundary) + rb"(?:--)?(?:\r\n)?", request.body)
    return described.partition(b"\r\n\r\n")[2], content.partition(b"\r\n\r\n")[2]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def setup(self):
        super().setup()
        self.server.service.connections += 1

    def answer(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        response = self.server.service.respond(parsed(self.command, self.path, headers, body))
        self.send_response(response.status)
        if "Transfer-Encoding" not in response.headers and response.status != 204:
            response.headers["Content-Length"] = str(len(response.body))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if "Transfer-Encoding" in response.headers:
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(response.body), response.body))
        elif response.status != 204:
            self.wfile.write(response.body)
        self.wfile.flush()

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def log_message(self, *args):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def handle_error(self, request, client_address):
        """A client that hangs up is part of the tests."""


@contextlib.contextmanager
def emulator(clock=time.time, certificate=None):
    """The service, at its ``endpoint`` on this machine; by https with the path of a certificate and its key."""
    service = Gcs(clock)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.service = service
        service.endpoint = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_name("key.pem"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
