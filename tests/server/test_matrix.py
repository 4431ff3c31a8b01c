"""Every route, by everybody: the table names each route of the app, so that a new one without a row fails.

Asked over HTTP with the least that the route takes, in an organisation of its own for each question.
"""

from __future__ import annotations

import secrets

import pytest
import urllib3

from deeplake_nb.hub import routes
from deeplake_nb.server.app import create_app
from tests.suites.hub import KEYS, PRINCIPAL

WHO = ("nobody", "anonymous", "stranger", "reader", "writer", "admin", "root")
OPEN = dict.fromkeys(WHO, 200)
SIGNED = OPEN | {"nobody": 401, "anonymous": 401}


def least(role, done, unseen=404, refused=403):
    """Statuses where a role is needed: who has less is refused, and whoever is no member sees nothing."""
    order = ("reader", "writer", "admin")
    enough = {one: done if order.index(one) >= order.index(role) else refused for one in order}
    return {"nobody": 401, "anonymous": 401, "stranger": unseen, "root": enough["admin"]} | enough


def administrators(done):
    return dict.fromkeys(WHO, 403) | {"nobody": 401, "anonymous": 401, "root": done}


V1 = routes.BASE
D, K = f"{V1}/orgs/{{org}}/datasets/{{name}}", f"{V1}/orgs/{{org}}/keys/{{name}}"
PAIR = {"name": "cars"}
KEY = {"name": "k"}
NEW = {"name": "new", "kind": "aws-keys", "fields": KEYS}

# Verb and path to what is asked, and what each gets.
MATRIX = {
    ("GET", f"{V1}/openapi.json"): ({}, OPEN),
    ("GET", "/health"): ({}, OPEN),
    ("GET", f"{V1}/whoami"): ({}, SIGNED),
    ("GET", f"{V1}/orgs"): ({}, SIGNED),
    ("GET", f"{V1}/tokens"): ({}, SIGNED),
    ("POST", f"{V1}/tokens"): ({"label": "l"}, SIGNED),
    ("DELETE", f"{V1}/tokens/{{token_id}}"): ({"token_id": "nobodys"}, SIGNED | dict.fromkeys(WHO[2:], 404)),
    ("POST", f"{V1}/orgs"): ({"org": "{new}"}, administrators(204)),
    ("GET", f"{V1}/users"): ({}, administrators(200)),
    ("POST", f"{V1}/users"): ({"user": "{new}"}, administrators(200)),
    ("DELETE", f"{V1}/users/{{user}}"): ({"user": "{spare}"}, administrators(204)),
    ("GET", f"{V1}/orgs/{{org}}/members"): ({}, least("reader", 200)),
    ("PUT", f"{V1}/orgs/{{org}}/members/{{user}}"): ({"user": "{stranger}", "role": "reader"}, least("admin", 204)),
    ("GET", f"{V1}/orgs/{{org}}/default-storage"): ({}, least("reader", 200)),
    ("PUT", f"{V1}/orgs/{{org}}/default-storage"): ({"url": "s3://bucket/x"}, least("admin", 200)),
    ("GET", f"{V1}/orgs/{{org}}/datasets"): ({}, SIGNED),  # of a foreign one, those that are public: none here
    ("POST", f"{V1}/orgs/{{org}}/datasets"): ({"url": "s3://bucket/place"}, least("writer", 200)),
    ("GET", D): (PAIR, least("reader", 200)),
    ("PUT", D): ({"name": "vans"}, least("writer", 200)),
    ("DELETE", D): (PAIR, least("writer", 204)),
    ("PUT", f"{D}/name"): (PAIR | {"new_name": "vans"}, least("writer", 200)),
    ("PUT", f"{D}/public"): (PAIR | {"is_public": True}, least("writer", 200)),
    ("POST", f"{D}/credentials"): (PAIR | {"mode": "w"}, least("writer", 200)),
    ("POST", f"{D}/requests"): ({"name": "keyed", "method": "PUT", "key": "a"}, least("writer", 200)),
    ("GET", f"{V1}/orgs/{{org}}/keys"): ({}, least("writer", 200)),
    ("POST", f"{V1}/orgs/{{org}}/keys"): (NEW, least("admin", 200)),
    ("DELETE", K): ({"name": "unused"}, least("admin", 204)),
    ("PUT", f"{K}/fields"): (KEY | {"fields": KEYS}, least("admin", 200)),
    ("PUT", f"{K}/name"): (KEY | {"new_name": "k2"}, least("admin", 200)),
    ("POST", f"{K}/trial"): (KEY, least("admin", 200)),
    ("POST", f"{K}/credentials"): (KEY, least("reader", 200)),
    ("POST", f"{K}/requests"): (KEY | {"url": "s3://bucket/a.jpg"}, least("reader", 200)),
    ("GET", f"{K}/provisioning"): ({"name": "role"}, least("admin", 200)),
    ("GET", f"{V1}/audit"): ({"org": "{org}"}, least("admin", 200)),
    # What the original asks. What may not be seen is 403 on credentials, 400 on connecting, 404 on managed keys.
    ("GET", "/api/user/profile"): ({}, SIGNED | {"anonymous": 200}),
    ("GET", "/api/org/{org}/ds/{name}/creds"): (PAIR | {"mode": "w"}, least("writer", 200, unseen=403)),
    ("GET", "/api/org/{org}/ds/{name}/chunks/url/presigned"): (
        {"name": "keyed", "chunk_path": "a"},
        least("reader", 200),
    ),
    ("POST", "/api/dataset/create"): ({"tag": "{org}/vans"}, least("writer", 200)),
    ("PUT", "/api/org/{org}/dataset/{name}"): (PAIR | {"basename": "vans"}, least("writer", 200)),
    ("DELETE", "/api/dataset/{org}/{name}"): (PAIR, least("writer", 200)),
    ("POST", "/api/dataset/connect"): (
        {"org_id": "{org}", "src_path": "s3://bucket/place"},
        least("writer", 200, unseen=400, refused=400),
    ),
    ("GET", "/api/org/{org}/storage/name"): ({"query": "k"}, least("reader", 200)),
    ("GET", "/api/org/{org}/managed-credentials/blob/url/presigned"): (
        {"creds_key": "k", "blob_path": "s3://bucket/raw/a.mp4"},
        least("reader", 200),
    ),
    ("POST", "/api/event"): ({}, SIGNED),
    ("POST", "/api/organization/{org}/dataset/{name}/agree"): (PAIR, SIGNED),
    ("POST", "/api/organization/{org}/dataset/{name}/disagree"): (PAIR, SIGNED),
    # The hub has no key to this one, and says so to those who may see it.
    ("POST", "/api/query/dataset/{org}/{name}"): (PAIR | {"query": "select *"}, least("reader", 422)),
    ("GET", "/api/organizations/{org}/features/{feature}"): ({"feature": "dataset_query"}, SIGNED),
}


class Town:
    """One user of each kind, and organisations as they are needed."""

    def __init__(self, server):
        self.server, self.root = server, server.client()
        self.pool = urllib3.PoolManager()
        self.tokens = {"nobody": "", "anonymous": "PUBLIC_TOKEN_" + "_" * 150, "root": server.token.reveal()}
        self.names = {}
        for who in ("stranger", "reader", "writer", "admin"):
            self.names[who] = f"{who}-{secrets.token_hex(4)}"
            self.tokens[who] = self.root.create_user(self.names[who])[0]

    def org(self):
        """An organisation with datasets and keys; its name."""
        org = f"org-{secrets.token_hex(4)}"
        self.root.create_org(org)
        for role in ("reader", "writer", "admin"):
            self.root.set_member(org, self.names[role], role)
        self.root.set_default_storage(org, f"s3://bucket/{org}")
        self.root.add_key(org, "k", "aws-keys", KEYS, prefixes=["s3://bucket"], lends_itself=True)
        self.root.add_key(org, "unused", "aws-keys", KEYS)
        self.root.add_key(org, "role", "azure-principal", PRINCIPAL, prefixes=["azure://account/box"])
        self.root.create(org, "cars")
        self.root.connect("s3://bucket/keyed", org, creds_key="k")
        return org

    def ask(self, who, verb, path, given, org):
        """The status of the answer, and its body."""
        known = {"org": org, "stranger": self.names["stranger"], "new": f"x{secrets.token_hex(4)}"}
        if "{spare}" in given.values():
            known["spare"] = f"x{secrets.token_hex(4)}"
            self.root.create_user(known["spare"])
        filled = {key: _filled(value, known) for key, value in given.items()}
        used = [key for key in (*known, *filled) if f"{{{key}}}" in path]
        url = self.server.url + path.format_map(known | filled)
        rest = {key: value for key, value in filled.items() if key not in used}
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if self.tokens[who] else {}
        body = {"json": rest} if verb in ("POST", "PUT") else {"fields": rest}
        answer = self.pool.request(verb, url, headers=headers, retries=False, **body)
        return answer.status, answer.data.decode()


def _filled(value, known):
    return value.format_map(known) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def town(server):
    return Town(server)


def test_every_route_has_a_row():
    there = {(verb, route.path) for route in create_app(None).routes for verb in route.methods - {"HEAD"}}
    assert set(MATRIX) == there


@pytest.mark.parametrize(("verb", "path"), MATRIX, ids=lambda part: part)
def test_everybody_gets_what_the_table_says(town, verb, path):
    given, wanted = MATRIX[verb, path]
    refused = [who for who in WHO if wanted[who] >= 400]
    org = town.org()
    got = {who: town.ask(who, verb, path, given, org)[0] for who in refused}
    got |= {who: town.ask(who, verb, path, given, town.org())[0] for who in WHO if who not in refused}
    assert got == wanted


@pytest.mark.parametrize(("verb", "path"), [row for row in MATRIX if "{org}" in str((row, MATRIX[row][0]))])
def test_a_foreign_organisation_looks_like_none(town, verb, path):
    given, _ = MATRIX[verb, path]
    org, none = town.org(), f"org-{secrets.token_hex(4)}"
    seen = []
    for one in (org, none):
        status, body = town.ask("stranger", verb, path, given, one)
        seen.append((status, body.replace(one, "ORG")))
    assert seen[0] == seen[1]
