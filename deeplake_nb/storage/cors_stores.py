"""Where each cloud keeps its rules for web pages: read, written, and the address at which browsers ask."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import quote

from deeplake_nb.errors import KeyNotFoundError
from deeplake_nb.storage import azure_listing
from deeplake_nb.storage.azure_account import Call
from deeplake_nb.storage.gcs_api import drain, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deeplake_nb.storage.azure import AzureStorage
    from deeplake_nb.storage.gcs import GcsStorage
    from deeplake_nb.storage.s3 import S3Storage

Rule = dict[str, Any]
"""One rule as the cloud has it, its lists as lists; what is not known here is kept as it is."""

_READ, _WRITE = "get the CORS rules of", "set the CORS rules of"
_OBJECT = "dataset_meta.json"  # need not be there
_HEADERS = ["Accept-Ranges", "Content-Length", "Content-Range", "Content-Type", "ETag", "Range"]


class Names(NamedTuple):
    """What a cloud calls the parts of a rule.

    Attributes:
        origins: of pages.
        methods: of HTTP.
        allowed: headers that pages may send.
        exposed: headers that pages may see; the same where a cloud has one list for both.
        seconds: how long browsers may remember the answer.
        template: what a rule for pages that read has besides origins and methods.
        most: rules that the cloud takes.
    """

    origins: str
    methods: str
    allowed: str
    exposed: str
    seconds: str
    template: Mapping[str, Any]
    most: int


class Store(Protocol):
    """The rules of one bucket or account."""

    names: Names
    scope: str

    def read(self) -> list[Rule]:
        """Those that are there, in order."""
        ...

    def write(self, rules: Sequence[Rule]) -> None:
        """Replace them all."""
        ...

    def address(self) -> str:
        """Of an object, as a page asks for it."""
        ...

    def command(self, rules: Sequence[Rule]) -> str:
        """How to do the same on a command line."""
        ...


class S3Rules:
    """Rules of a bucket on AWS and its likes."""

    names = Names(
        "AllowedOrigins",
        "AllowedMethods",
        "AllowedHeaders",
        "ExposeHeaders",
        "MaxAgeSeconds",
        {"AllowedHeaders": ["*"], "ExposeHeaders": _HEADERS[:-1], "MaxAgeSeconds": 3600},
        100,
    )

    def __init__(self, storage: S3Storage) -> None:
        self._storage = storage
        self.scope = f"bucket {storage.url.authority}"

    def read(self) -> list[Rule]:
        """The rules of the bucket; one request."""
        try:
            return list(self._storage.call(_READ, "", "get_bucket_cors", {})["CORSRules"])
        except KeyNotFoundError:
            return []

    def write(self, rules: Sequence[Rule]) -> None:
        """Replace them; one request."""
        self._storage.call(_WRITE, "", "put_bucket_cors", {"CORSConfiguration": {"CORSRules": list(rules)}})

    def address(self) -> str:
        """Of an object, which need not be there."""
        return f"{self._storage.endpoint().rstrip('/')}/{quote(self._storage.url.authority, '')}/{_OBJECT}"

    def command(self, rules: Sequence[Rule]) -> str:
        """For a shell."""
        bucket, document = self._storage.url.authority, json.dumps({"CORSRules": list(rules)})
        return f"aws s3api put-bucket-cors --bucket {_word(bucket)} --cors-configuration {_word(document)}"


class GcsRules:
    """Rules of a bucket on Google's cloud. One list of headers is for both directions."""

    names = Names(
        "origin",
        "method",
        "responseHeader",
        "responseHeader",
        "maxAgeSeconds",
        {"responseHeader": _HEADERS, "maxAgeSeconds": 3600},
        1000,
    )

    def __init__(self, storage: GcsStorage) -> None:
        self._storage = storage
        self._generation = ""
        self.scope = f"bucket {storage.url.authority}"

    def read(self) -> list[Rule]:
        """The rules of the bucket; one request."""
        api = self._storage.api
        answer = api.ask(_READ, "", "GET", f"{api.bucket}?fields=cors,metageneration", read_json)
        self._generation = str(answer.get("metageneration", ""))
        return list(answer.get("cors", ()))

    def write(self, rules: Sequence[Rule]) -> None:
        """Refused by the storage, if somebody else has changed the bucket since they were read."""
        api, body = self._storage.api, json.dumps({"cors": list(rules)}).encode()
        condition = f"&ifMetagenerationMatch={self._generation}" if self._generation else ""
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        api.ask(_WRITE, "", "PATCH", f"{api.bucket}?fields=cors{condition}", drain, headers=headers, body=body)

    def address(self) -> str:
        """Of an object, which need not be there."""
        return f"{self._storage.endpoint()}/{quote(self._storage.url.authority, '')}/{_OBJECT}"

    def command(self, rules: Sequence[Rule]) -> str:
        """For a shell."""
        place, document = f"gs://{self._storage.url.authority}", json.dumps(list(rules))
        return f"gcloud storage buckets update {_word(place)} --cors-file=<(echo {_word(document)})"


class AzureRules:
    """Rules of a storage account: for all of its containers at once, and no more than five."""

    names = Names(
        "AllowedOrigins",
        "AllowedMethods",
        "AllowedHeaders",
        "ExposedHeaders",
        "MaxAgeInSeconds",
        {"AllowedHeaders": ["*"], "ExposedHeaders": ["*"], "MaxAgeInSeconds": "3600"},
        5,
    )
    _QUERY: Mapping[str, str] = {"restype": "service", "comp": "properties"}
    _PARTS = ("AllowedOrigins", "AllowedMethods", "MaxAgeInSeconds", "ExposedHeaders", "AllowedHeaders")

    def __init__(self, storage: AzureStorage) -> None:
        self._storage = storage
        self.scope = f"all containers of account {storage.url.authority.partition('.')[0]}"

    def read(self) -> list[Rule]:
        """The rules of the account; one request."""

        def rules(answer: Any) -> list[Rule]:
            found = azure_listing.document(answer).iterfind("Cors/CorsRule")
            return [{part.tag: _texts(part.tag, part.text or "") for part in rule} for rule in found]

        return self._storage.account.ask(f"{_READ} {self._storage.url}", Call("GET", "", self._QUERY), rules)

    def write(self, rules: Sequence[Rule]) -> None:
        """Replace the rules, and nothing else that the account keeps beside them."""
        from xml.etree import ElementTree as ET

        root = ET.Element("StorageServiceProperties")
        cors = ET.SubElement(root, "Cors")
        for rule in rules:
            element = ET.SubElement(cors, "CorsRule")
            for part in self._PARTS:
                value = rule.get(part, "")
                ET.SubElement(element, part).text = value if isinstance(value, str) else ",".join(value)
        call = Call("PUT", "", self._QUERY, {"Content-Type": "application/xml"}, ET.tostring(root, "utf-8"))
        self._storage.account.ask(f"{_WRITE} {self._storage.url}", call, lambda _: None)

    def address(self) -> str:
        """Of an object, which need not be there."""
        return f"{self._storage.endpoint()}/{quote(self._storage.url.path.partition('/')[0])}/{_OBJECT}"

    def command(self, rules: Sequence[Rule]) -> str:
        """For a shell."""
        account, rule = self._storage.url.authority.partition(".")[0], rules[-1]
        options = {
            "origins": rule["AllowedOrigins"],
            "methods": rule["AllowedMethods"],
            "allowed-headers": rule["AllowedHeaders"],
            "exposed-headers": rule["ExposedHeaders"],
            "max-age": [rule["MaxAgeInSeconds"]],
        }
        words = " ".join(f"--{name} {' '.join(map(_word, values))}" for name, values in options.items())
        return f"az storage cors add --account-name {_word(account)} --services b {words}"


def _texts(tag: str, text: str) -> str | list[str]:
    """A part of a rule: a list, but for the one that is a number."""
    if tag == "MaxAgeInSeconds":
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _word(text: str) -> str:
    from shlex import quote as quoted

    return quoted(text)
