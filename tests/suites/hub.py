"""What every hub must do, whoever asks. Subclass `HubSuite`, give it ``root`` (a hub as its administrator sees it) and
``by_token`` (text of a token to the hub as its user sees it). Names are new in each test, so one hub serves them all.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import (
    CredentialsError,
    DatasetExistsError,
    DatasetNotFoundError,
    HubConflictError,
    HubNotFoundError,
    HubTokenError,
    LakeError,
    MissingCredentialsError,
    PermissionDeniedError,
    UnsupportedError,
    UrlError,
)
from deeplake_nb.hub import audit, refusals, token_text
from deeplake_nb.hub.protocol import DatasetEntry, Hub, Identity, ManagedKey, Storage

CANARY = "cAnArYcAnArYcAnArYcAnArYcAnArYcAnArY7zQk"
KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": CANARY, "endpoint_url": "http://127.0.0.1:9"}
PRINCIPAL = {"tenant_id": "t-1", "client_id": "c-1", "client_secret": CANARY}
BAD_NAMES = [
    "",
    ".",
    "..",
    ".hidden",
    "a/b",
    "a b",
    "ü",
    "queries",
    "Queries",
    "a\0",
    "a\n",
    "x" * 129,
    "a?b",
    "a#b",
    "%2e",
]
UNSEEN = (HubNotFoundError, DatasetNotFoundError, MissingCredentialsError)


@dataclass
class Lab:
    """An organisation of four: its admin, a writer, a reader, and the administrator of the hub who made it."""

    org: str
    root: Hub
    admin: Hub
    writer: Hub
    reader: Hub
    stranger: Hub  # an admin of ``elsewhere``
    elsewhere: str
    names: dict[str, str]

    def __getitem__(self, role):
        return getattr(self, role)


# What may be asked of an organisation, and the role it takes.
ASKED = {
    "resolve, to read": ("reader", lambda hub, lab: hub.resolve(lab.org, "cars", "r")),
    "resolve, to add": ("writer", lambda hub, lab: hub.resolve(lab.org, "cars", "a")),
    "resolve, to write": ("writer", lambda hub, lab: hub.resolve(lab.org, "cars", "w")),
    "resolve, a new name": ("writer", lambda hub, lab: hub.resolve(lab.org, "vans", "w")),
    "create": ("writer", lambda hub, lab: hub.create(lab.org, "vans")),
    "connect": ("writer", lambda hub, lab: hub.connect("s3://other/place", lab.org, "place")),
    "dataset": ("reader", lambda hub, lab: hub.dataset(lab.org, "cars")),
    "rename": ("writer", lambda hub, lab: hub.rename(lab.org, "cars", "wagons")),
    "set_public": ("writer", lambda hub, lab: hub.set_public(lab.org, "cars", False)),
    "delete": ("writer", lambda hub, lab: hub.delete(lab.org, "cars")),
    "presign, to read": ("reader", lambda hub, lab: hub.presign(lab.org, "keyed", "GET", "a")),
    "presign, to write": ("writer", lambda hub, lab: hub.presign(lab.org, "keyed", "PUT", "a")),
    "members": ("reader", lambda hub, lab: hub.members(lab.org)),
    "set_member": ("admin", lambda hub, lab: hub.set_member(lab.org, lab.names["stranger"], "reader")),
    "default_storage": ("reader", lambda hub, lab: hub.default_storage(lab.org)),
    "set_default_storage": ("admin", lambda hub, lab: hub.set_default_storage(lab.org, "s3://b/elsewhere")),
    "keys": ("writer", lambda hub, lab: hub.keys(lab.org)),
    "add_key": ("admin", lambda hub, lab: hub.add_key(lab.org, "new", "aws-keys", KEYS)),
    "rotate_key": ("admin", lambda hub, lab: hub.rotate_key(lab.org, "k", KEYS)),
    "rename_key": ("admin", lambda hub, lab: hub.rename_key(lab.org, "k", "k2")),
    "delete_key": ("admin", lambda hub, lab: hub.delete_key(lab.org, "unused")),
    "try_key": ("admin", lambda hub, lab: hub.try_key(lab.org, "k")),
    "lend": ("reader", lambda hub, lab: hub.lend(lab.org, "k")),
    "lend, to write": ("writer", lambda hub, lab: hub.lend(lab.org, "k", mode="w")),
    "presign_link": ("reader", lambda hub, lab: hub.presign_link(lab.org, "k", "s3://bucket/raw/a.jpg")),
    "provisioning": ("admin", lambda hub, lab: hub.provisioning(lab.org, "role")),
    "create_token": ("reader", lambda hub, lab: hub.create_token("t", scope="reader", org=lab.org)),
    "audit": ("admin", lambda hub, lab: hub.audit(lab.org)),
}
ASKED_OF_NOBODY = {  # no organisation, or nothing that is refused: tested by themselves
    "whoami",
    "orgs",
    "create_org",
    "users",
    "create_user",
    "delete_user",
    "datasets",
    "tokens",
    "revoke_token",
    "url",
}


RANKS = ["stranger", "reader", "writer", "admin"]


def outcome(ask, hub, lab):
    try:
        ask(hub, lab)
    except PermissionDeniedError:
        return "denied"
    except UNSEEN:
        return "unseen"
    except LakeError as error:
        return repr(error)
    return "done"


def expected(role):
    """What each thing that is asked comes to."""
    if role == "stranger":
        return dict.fromkeys(ASKED, "unseen")
    rank = RANKS.index(role)
    return {name: "done" if rank >= RANKS.index(least) else "denied" for name, (least, _) in ASKED.items()}


def new(word):
    return f"{word}-{secrets.token_hex(4)}"


class HubSuite:
    """Every method, every role, every refusal."""

    is_local = False  # one user's own: gives managed keys as they are, and anybody makes organisations

    @pytest.fixture
    def lab(self, root, by_token):
        names = {role: new(role) for role in ("admin", "writer", "reader", "stranger")}
        hubs = {role: by_token(root.create_user(name)[0]) for role, name in names.items()}
        org, elsewhere = new("lab"), new("elsewhere")
        root.create_org(org)
        root.create_org(elsewhere)
        for role in ("admin", "writer", "reader"):
            root.set_member(org, names[role], role)
        root.set_member(elsewhere, names["stranger"], "admin")
        root.set_default_storage(org, f"s3://bucket/{org}")
        return Lab(org=org, elsewhere=elsewhere, root=root, names=names, **hubs)

    @pytest.fixture
    def keyed(self, lab):
        """A lab with a dataset, and one with a managed key."""
        lab.admin.add_key(lab.org, "k", "aws-keys", KEYS, prefixes=["s3://bucket"], lends_itself=True)
        lab.admin.add_key(lab.org, "unused", "aws-keys", KEYS)
        lab.admin.add_key(lab.org, "role", "azure-principal", PRINCIPAL, prefixes=["azure://account/box"])
        lab.writer.create(lab.org, "cars")
        lab.writer.connect("s3://bucket/keyed", lab.org, creds_key="k")
        return lab

    # ------------------------------------------------------------------ who may do what

    def test_every_method_is_asked_by_every_role(self):
        asked = {name.partition(",")[0] for name in ASKED} | ASKED_OF_NOBODY
        assert asked == {name for name in vars(Hub) if not name.startswith("_")}

    @pytest.mark.parametrize("role", RANKS)
    def test_a_role_is_enough_and_less_is_refused(self, keyed, role):
        before = len(keyed.root.audit(keyed.org))
        answers = {name: outcome(ask, keyed[role], keyed) for name, (_, ask) in ASKED.items()}
        assert answers == expected(role)
        made = keyed.root.audit(keyed.org)[before:]
        refused = {entry.action.replace(" ", "_") for entry in made if entry.refused}
        assert refused == {name.partition(",")[0] for name, came in answers.items() if came != "done"}
        assert {entry.who for entry in made} <= {keyed.names[role]}
        if role == "stranger":
            assert all(entry.refused for entry in made)

    @pytest.mark.parametrize("scope", ["reader", "writer", "admin"])
    def test_a_token_is_no_wider_than_its_scope(self, keyed, by_token, scope):
        hub = by_token(keyed.admin.create_token("narrow", scope=scope)[0])
        assert {name: outcome(ask, hub, keyed) for name, (_, ask) in ASKED.items()} == expected(scope)

    @pytest.mark.parametrize("is_inside", [False, True])
    def test_a_token_is_no_wider_than_its_organisation(self, keyed, by_token, is_inside):
        keyed.root.set_member(keyed.elsewhere, keyed.names["admin"], "admin")
        org = keyed.org if is_inside else keyed.elsewhere
        hub = by_token(keyed.admin.create_token("bound", scope="admin", org=org)[0])
        wanted = expected("admin" if is_inside else "stranger")
        if not is_inside:
            wanted["create_token"] = "denied"
        assert {name: outcome(ask, hub, keyed) for name, (_, ask) in ASKED.items()} == wanted

    def test_an_organisation_that_is_not_there_looks_like_one_that_is_foreign(self, keyed):
        for name, (_, ask) in ASKED.items():
            if self.is_local:
                break  # what is not there is made
            seen = []
            for org in (keyed.org, new("nowhere")):
                with pytest.raises(UNSEEN) as caught:
                    ask(keyed.stranger, Lab(**(vars(keyed) | {"org": org})))
                seen.append((type(caught.value), str(caught.value).replace(org, "ORG")))
            assert seen[0] == seen[1], name

    def test_only_administrators_make_people_and_organisations(self, lab, by_token):
        narrow = by_token(lab.root.create_token("narrow", scope="writer")[0])
        bound = by_token(lab.root.create_token("bound", scope="admin", org=lab.org)[0])
        for hub in (lab.admin, lab.stranger, narrow, bound):
            for ask in (
                hub.users,
                lambda hub=hub: hub.create_user(new("x")),
                lambda hub=hub: hub.delete_user(lab.names["reader"]),
                lambda hub=hub: hub.audit(""),
                *([] if self.is_local else [lambda hub=hub: hub.create_org(new("x"))]),
            ):
                with pytest.raises(PermissionDeniedError, match="administrator"):
                    ask()
        assert set(lab.names.values()) < set(lab.root.users())

    # ------------------------------------------------------------------ names and places

    def test_a_new_dataset_lies_in_the_default_storage(self, lab):
        promised = lab.writer.resolve(lab.org, "cars", "w")
        assert (promised.url, promised.is_new, promised.mode) == (f"s3://bucket/{lab.org}/cars", True, "w")
        assert (dict(promised.creds), promised.presigned, promised.expires_at) == ({}, False, None)
        with pytest.raises(DatasetNotFoundError):
            lab.writer.dataset(lab.org, "cars")
        made = lab.writer.create(lab.org, "cars")
        assert made == lab.reader.dataset(lab.org, "cars")
        assert abs(made.created_at - datetime.now(UTC)) < timedelta(hours=1)
        assert made == DatasetEntry(
            lab.org,
            "cars",
            promised.url,
            None,
            is_public=False,
            is_connected=False,
            created_by=lab.names["writer"],
            created_at=made.created_at,
        )
        assert made.path == f"hub://{lab.org}/cars"
        there = lab.reader.resolve(lab.org, "cars")
        assert (there.url, there.mode, there.is_new) == (promised.url, "r", False)
        assert lab.writer.resolve(lab.org, "cars").mode == "w"

    def test_creating_twice_changes_nothing(self, lab):
        made = lab.writer.create(lab.org, "cars", is_public=True)
        assert lab.admin.create(lab.org, "cars") == made
        lab.writer.rename(lab.org, "cars", "vans")
        assert lab.writer.create(lab.org, "cars").name == "vans"

    def test_a_promised_place_is_kept_when_the_storage_changes(self, lab):
        promised = lab.writer.resolve(lab.org, "cars", "w")
        lab.admin.set_default_storage(lab.org, "s3://new/place")
        assert lab.writer.resolve(lab.org, "cars", "w").url == promised.url
        assert lab.writer.create(lab.org, "cars").url == promised.url
        assert lab.writer.create(lab.org, "vans").url == "s3://new/place/vans"

    def test_reading_a_name_that_is_not_there_promises_nothing(self, lab):
        assert lab.writer.resolve(lab.org, "cars", "r").is_new
        assert lab.writer.resolve(lab.org, "cars").mode == "w"
        lab.admin.set_default_storage(lab.org, "s3://new/place")
        assert lab.writer.create(lab.org, "cars").url == "s3://new/place/cars"

    def test_a_reader_finds_nothing_where_nothing_is(self, lab):
        with pytest.raises(DatasetNotFoundError):
            lab.reader.dataset(lab.org, "cars")
        for mode in ("r", None):
            with pytest.raises(DatasetNotFoundError, match=f"hub://{lab.org}/cars"):
                lab.reader.resolve(lab.org, "cars", mode)
        for mode in ("a", "w"):
            with pytest.raises(PermissionDeniedError, match="create"):
                lab.reader.resolve(lab.org, "cars", mode)

    def test_an_old_name_goes_on_until_it_is_used(self, lab):
        made = lab.writer.create(lab.org, "cars")
        renamed = lab.writer.rename(lab.org, "cars", "vans")
        assert (renamed.name, renamed.url) == ("vans", made.url)
        assert lab.writer.rename(lab.org, "vans", "trucks").url == made.url
        for name in ("cars", "vans", "trucks"):
            assert lab.reader.dataset(lab.org, name).name == "trucks"
            assert lab.reader.resolve(lab.org, name).name == "trucks"
            assert lab.reader.resolve(lab.org, name).url == made.url
        assert [entry.name for entry in lab.reader.datasets(lab.org).entries] == ["trucks"]

        fresh = lab.writer.resolve(lab.org, "cars", "w", anew=True)
        assert (fresh.is_new, fresh.name) == (True, "cars")
        assert fresh.url != made.url
        assert lab.writer.resolve(lab.org, "cars", "w").url == made.url  # until it is entered
        assert lab.writer.create(lab.org, "cars").url == fresh.url
        assert lab.reader.resolve(lab.org, "cars").url == fresh.url
        assert lab.reader.resolve(lab.org, "vans").url == made.url
        lab.writer.delete(lab.org, "cars")
        with pytest.raises(DatasetNotFoundError):
            lab.reader.dataset(lab.org, "cars")  # what it meant before does not come back

    def test_a_promise_is_kept_once(self, lab):
        promised = lab.writer.resolve(lab.org, "cars", "w").url
        assert lab.writer.create(lab.org, "cars").url == promised
        lab.writer.rename(lab.org, "cars", "vans")
        assert lab.writer.resolve(lab.org, "cars", "w", anew=True).url != promised

    def test_many_at_once_are_promised_one_place(self, lab):
        def begin(name):
            promised = lab.writer.resolve(lab.org, name, "w").url
            return promised == lab.writer.create(lab.org, name).url

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(begin, [f"n{number // 8}" for number in range(80)]))

    def test_renaming_back(self, lab):
        made = lab.writer.create(lab.org, "cars")
        lab.writer.rename(lab.org, "cars", "vans")
        assert lab.writer.rename(lab.org, "vans", "cars") == made
        assert lab.reader.dataset(lab.org, "vans") == made
        assert lab.writer.rename(lab.org, "cars", "cars") == made

    def test_renaming_over_another_is_refused(self, lab):
        lab.writer.create(lab.org, "cars")
        lab.writer.create(lab.org, "vans")
        with pytest.raises(DatasetExistsError, match="vans"):
            lab.writer.rename(lab.org, "cars", "vans")
        with pytest.raises(DatasetNotFoundError):
            lab.writer.rename(lab.org, "trucks", "wagons")

    def test_a_deleted_name_is_free_and_so_are_its_old_ones(self, lab):
        lab.writer.create(lab.org, "cars")
        lab.writer.rename(lab.org, "cars", "vans")
        lab.writer.delete(lab.org, "vans")
        for name in ("cars", "vans"):
            with pytest.raises(DatasetNotFoundError):
                lab.reader.dataset(lab.org, name)
        with pytest.raises(DatasetNotFoundError):
            lab.writer.delete(lab.org, "vans")
        assert lab.writer.resolve(lab.org, "cars", "w").is_new

    def test_names_that_cannot_be(self, lab):
        for name in BAD_NAMES:
            for ask in (
                lambda name=name: lab.writer.resolve(lab.org, name, "w"),
                lambda name=name: lab.writer.create(lab.org, name),
                lambda name=name: lab.writer.connect("s3://b/x", lab.org, name),
                lambda name=name: lab.writer.rename(lab.org, "cars", name),
                lambda name=name: lab.root.create_org(name),
                lambda name=name: lab.root.create_user(name),
                lambda name=name: lab.admin.add_key(lab.org, name, "aws-keys", KEYS),
            ):
                with pytest.raises(UrlError):
                    ask()

    def test_pages_go_through_all_names_once(self, lab):
        names = [f"{letter}{number}" for letter in "bAa_" for number in range(5)]
        for name in names:
            lab.writer.create(lab.org, name)
        found, after = [], None
        while True:
            page = lab.reader.datasets(lab.org, after=after, limit=3)
            found += [entry.name for entry in page.entries]
            after = page.after
            if after is None:
                break
            assert len(page.entries) == 3
        assert found == sorted(names)
        assert len(lab.reader.datasets(lab.org).entries) == 20
        assert lab.reader.datasets(lab.org, limit=20).after is None
        assert lab.reader.datasets(lab.org, after="zz").entries == ()

    def test_public_datasets_are_read_by_everybody_with_a_token(self, lab, by_token):
        lab.writer.create(lab.org, "cars")
        lab.writer.create(lab.org, "vans", is_public=True)
        assert [entry.name for entry in lab.stranger.datasets(lab.org).entries] == ["vans"]
        assert lab.stranger.datasets(new("nowhere")).entries == ()
        assert lab.stranger.resolve(lab.org, "vans").mode == "r"
        assert lab.stranger.dataset(lab.org, "vans").is_public
        for ask in (
            lambda: lab.stranger.resolve(lab.org, "vans", "w"),
            lambda: lab.stranger.rename(lab.org, "vans", "x"),
            lambda: lab.stranger.delete(lab.org, "vans"),
            lambda: lab.stranger.set_public(lab.org, "vans", False),
        ):
            with pytest.raises(PermissionDeniedError):
                ask()
        for ask in (
            lambda: lab.stranger.resolve(lab.org, "cars"),
            lambda: lab.stranger.dataset(lab.org, "cars"),
            lambda: lab.stranger.delete(lab.org, "cars"),
        ):
            with pytest.raises(DatasetNotFoundError):
                ask()
        bound = by_token(lab.stranger.create_token("bound", scope="admin", org=lab.elsewhere)[0])
        assert bound.datasets(lab.org).entries == ()
        for ask in (lambda: bound.resolve(lab.org, "vans"), lambda: bound.dataset(lab.org, "vans")):
            with pytest.raises(DatasetNotFoundError):
                ask()
        assert not lab.writer.set_public(lab.org, "vans", False).is_public
        with pytest.raises(DatasetNotFoundError):
            lab.stranger.dataset(lab.org, "vans")

    def test_many_at_once_make_one_dataset(self, lab):
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: lab.writer.create(lab.org, "cars"), range(16)))
        assert len(set(made)) == 1
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: lab.writer.create(lab.org, f"n{number}"), range(40)))
        assert len(lab.reader.datasets(lab.org).entries) == 41
        audit.verify(lab.root.audit(lab.org))

    # ------------------------------------------------------------------ connecting

    def test_connecting_gives_a_place_a_name(self, keyed):
        found = keyed.reader.dataset(keyed.org, "keyed")
        assert (found.url, found.creds_key, found.is_connected) == ("s3://bucket/keyed", "k", True)
        named = keyed.writer.connect("s3://bucket/keyed", keyed.org, "second", "k")
        assert (named.name, named.url) == ("second", "s3://bucket/keyed")
        assert keyed.writer.connect("s3://bucket/keyed", keyed.org, "second", "k") == named
        assert keyed.writer.connect("gs://open/data", keyed.org).url == "gcs://open/data"

    def test_connecting_what_cannot_be(self, keyed):
        ask = keyed.writer.connect
        with pytest.raises(DatasetExistsError, match="keyed"):
            ask("s3://bucket/other", keyed.org, "keyed", "k")
        with pytest.raises(DatasetExistsError):
            ask("s3://bucket/keyed", keyed.org)  # without its key
        with pytest.raises(MissingCredentialsError, match="nokey"):
            ask("s3://bucket/x", keyed.org, "x", "nokey")
        with pytest.raises(CredentialsError, match="bound to s3://bucket"):
            ask("s3://bucket2/x", keyed.org, "x", "k")
        with pytest.raises(CredentialsError, match="does not open"):
            ask("gcs://bucket/x", keyed.org, "x", "unused")
        for url in ("", "mem://x", "hub://a/b", f"https://me:{CANARY}@h/x", f"https://h/x?sig={CANARY}", "s3://b/../x"):
            with pytest.raises(UrlError) as caught:
                ask(url, keyed.org, "x")
            assert CANARY not in str(caught.value)
        with pytest.raises(DatasetNotFoundError):
            keyed.writer.dataset(keyed.org, "x")

    def test_a_key_of_another_organisation_is_no_key(self, keyed):
        keyed.root.add_key(keyed.elsewhere, "theirs", "aws-keys", KEYS)
        for ask in (
            lambda: keyed.writer.connect("s3://bucket/x", keyed.org, "x", "theirs"),
            lambda: keyed.writer.lend(keyed.org, "theirs"),
            lambda: keyed.admin.set_default_storage(keyed.org, "s3://bucket/x", "theirs"),
            lambda: keyed.admin.delete_key(keyed.org, "theirs"),
        ):
            with pytest.raises(MissingCredentialsError, match="theirs"):
                ask()

    # ------------------------------------------------------------------ default storage

    def test_default_storage_goes_there_and_back(self, keyed):
        own = keyed.root.default_storage(keyed.elsewhere) if self.is_local else None
        assert keyed.admin.set_default_storage(keyed.org, "s3://bucket/new", "k") == Storage("s3://bucket/new", "k")
        assert keyed.reader.default_storage(keyed.org) == Storage("s3://bucket/new", "k")
        made = keyed.writer.create(keyed.org, "trucks")
        assert (made.url, made.creds_key) == ("s3://bucket/new/trucks", "k")
        if own is not None:
            assert keyed.admin.set_default_storage(keyed.org, None).url == own.url.replace(keyed.elsewhere, keyed.org)
        assert keyed.writer.dataset(keyed.org, "trucks") == made

    def test_default_storage_that_cannot_be(self, keyed):
        before = keyed.reader.default_storage(keyed.org)
        for url, key, error in (
            ("s3://bucket2/x", "k", CredentialsError),
            ("s3://bucket/x", "nokey", MissingCredentialsError),
            (None, "k", CredentialsError),
            ("s3://bucket/keyed", "k", DatasetExistsError),
            ("s3://bucket/keyed/deep/down", None, DatasetExistsError),
            ("https://h/x", None, UrlError),
            ("mem://x", None, UrlError),
        ):
            with pytest.raises(error):
                keyed.admin.set_default_storage(keyed.org, url, key)
        assert keyed.reader.default_storage(keyed.org) == before

    # ------------------------------------------------------------------ managed keys

    def test_a_key_is_shown_without_its_secrets(self, keyed):
        made = next(key for key in keyed.writer.keys(keyed.org) if key.name == "k")
        assert made == ManagedKey(
            keyed.org,
            "k",
            "aws-keys",
            {
                "aws_access_key_id": "AKIAEXAMPLE",
                "aws_secret_access_key": "…7zQk",
                "endpoint_url": KEYS["endpoint_url"],
            },
            ("s3://bucket",),
            lends_itself=True,
            used_by=(f"hub://{keyed.org}/keyed",),
            trial=None,
            expires_at=None,
            created_by=keyed.names["admin"],
            created_at=made.created_at,
            rotated_at=None,
            overlaps_until=None,
        )
        assert [key.name for key in keyed.admin.keys(keyed.org)] == ["k", "role", "unused"]
        assert CANARY not in repr(keyed.admin.keys(keyed.org))

    def test_a_role_gets_an_external_id_of_its_own(self, keyed):
        fields = {"role_arn": "arn:aws:iam::123456789012:role/hub"}
        made = [keyed.admin.add_key(keyed.org, f"aws{number}", "aws-role", fields) for number in range(2)]
        ids = {key.shown["external_id"] for key in made}
        assert len(ids) == 2
        assert {len(external_id) for external_id in ids} == {32}
        assert keyed.admin.rotate_key(keyed.org, "aws0", fields).shown == made[0].shown
        assert "external_id" not in keyed.admin.keys(keyed.org)[-1].shown

    def test_what_the_owner_of_a_cloud_must_run(self, keyed):
        script = keyed.admin.provisioning(keyed.org, "role")
        assert "az " in script
        assert "box" in script
        assert CANARY not in script
        with pytest.raises(CredentialsError, match="needs nothing"):
            keyed.admin.provisioning(keyed.org, "k")

    def test_keys_that_cannot_be(self, keyed):
        arn = {"role_arn": "arn:aws:iam::123456789012:role/hub"}
        for kind, fields, prefixes, error in (
            ("aws-keys", {"aws_access_key_id": "A"}, (), CredentialsError),
            ("aws-keys", {**KEYS, "aws_secret": CANARY}, (), CredentialsError),
            ("aws-keys", {**KEYS, "endpoint_url": CANARY}, (), CredentialsError),
            ("aws", KEYS, (), CredentialsError),
            ("aws-keys", KEYS, ["gcs://bucket"], CredentialsError),
            ("aws-keys", KEYS, ["s3://"], UrlError),
            ("aws-role", arn, ["/etc"], UrlError),
            ("http-token", {"token": CANARY}, (), CredentialsError),
        ):
            with pytest.raises(error) as caught:
                keyed.admin.add_key(keyed.org, "bad", kind, fields, prefixes=prefixes)
            assert CANARY not in str(caught.value)
        with pytest.raises(HubConflictError, match="'k'"):
            keyed.admin.add_key(keyed.org, "k", "aws-keys", KEYS)
        assert [key.name for key in keyed.admin.keys(keyed.org)] == ["k", "role", "unused"]

    def test_a_dataset_with_a_key_is_opened_with_it(self, keyed):
        for hub, mode in ((keyed.reader, "r"), (keyed.writer, "w")):
            there = hub.resolve(keyed.org, "keyed")
            assert (there.mode, there.presigned) == (mode, False)
            assert there.creds["aws_secret_access_key"] == Secret(CANARY)
            assert there.creds["endpoint_url"] == KEYS["endpoint_url"]
            assert timedelta() < there.expires_at - datetime.now(UTC) <= timedelta(hours=1)
            assert CANARY not in repr(there)
            assert hub.resolve(keyed.org, "keyed").expires_at == there.expires_at
            assert hub.resolve(keyed.org, "keyed", fresh=True).expires_at > there.expires_at

    def test_a_key_that_cannot_be_narrowed_stays_in_the_hub(self, keyed):
        keyed.writer.connect("s3://bucket/guarded", keyed.org, creds_key="unused")
        there = keyed.reader.resolve(keyed.org, "guarded")
        assert there.presigned is not self.is_local
        assert bool(there.creds) is self.is_local
        url = keyed.reader.presign(keyed.org, "guarded", "GET", "a/b")
        assert url.startswith("http://127.0.0.1:9/")
        assert "guarded/a/b" in url
        assert CANARY not in url
        for key in ("../x", "/etc", "a/../../x", ""):
            with pytest.raises(UrlError):
                keyed.reader.presign(keyed.org, "guarded", "GET", key)
        with pytest.raises(UnsupportedError):
            keyed.reader.presign(keyed.org, "guarded", "PATCH", "a")
        with pytest.raises(CredentialsError, match="no managed key"):
            keyed.reader.presign(keyed.org, "cars", "GET", "a")
        if not self.is_local:
            with pytest.raises(CredentialsError):
                keyed.reader.lend(keyed.org, "unused", url="s3://bucket/guarded")

    def test_keys_are_lent_for_links(self, keyed):
        lent = keyed.reader.lend(keyed.org, "k")
        assert lent.creds["aws_secret_access_key"] == Secret(CANARY)
        assert lent.prefixes == ("s3://bucket",)
        assert CANARY not in repr(lent)
        assert keyed.reader.lend(keyed.org, "k", url="s3://bucket/deep/down").creds == lent.creds
        with pytest.raises(CredentialsError, match="bound to"):
            keyed.reader.lend(keyed.org, "k", url="s3://other/x")
        with pytest.raises(MissingCredentialsError, match="nokey"):
            keyed.reader.lend(keyed.org, "nokey")

    def test_a_rotated_key_is_lent_at_once(self, keyed):
        keyed.reader.resolve(keyed.org, "keyed")
        rotated = keyed.admin.rotate_key(keyed.org, "k", {**KEYS, "aws_secret_access_key": CANARY[::-1]})
        assert rotated.shown["aws_secret_access_key"] == f"…{CANARY[::-1][-4:]}"
        assert (rotated.overlaps_until, rotated.rotated_at is not None) == (None, True)
        assert keyed.reader.resolve(keyed.org, "keyed").creds["aws_secret_access_key"] == Secret(CANARY[::-1])
        until = keyed.admin.rotate_key(keyed.org, "k", KEYS, overlap_seconds=600).overlaps_until
        assert timedelta(seconds=500) < until - datetime.now(UTC) <= timedelta(seconds=600)
        assert keyed.reader.lend(keyed.org, "k").creds["aws_secret_access_key"] == Secret(CANARY)
        for seconds in (-1, 10**9):
            with pytest.raises(UnsupportedError, match="overlap"):
                keyed.admin.rotate_key(keyed.org, "k", KEYS, overlap_seconds=seconds)
        with pytest.raises(CredentialsError):
            keyed.admin.rotate_key(keyed.org, "k", {"aws_access_key_id": "A"})

    def test_a_renamed_key_goes_on_under_both_names(self, keyed):
        assert keyed.admin.rename_key(keyed.org, "k", "k2").used_by == (f"hub://{keyed.org}/keyed",)
        assert keyed.reader.dataset(keyed.org, "keyed").creds_key == "k2"
        assert keyed.reader.lend(keyed.org, "k").creds == keyed.reader.lend(keyed.org, "k2").creds
        assert keyed.reader.resolve(keyed.org, "keyed").creds
        with pytest.raises(HubConflictError, match="unused"):
            keyed.admin.rename_key(keyed.org, "k2", "unused")
        keyed.admin.add_key(keyed.org, "k", "aws-keys", KEYS)  # now the old name means another
        assert [key.name for key in keyed.admin.keys(keyed.org)] == ["k", "k2", "role", "unused"]

    def test_a_key_in_use_is_not_deleted(self, keyed):
        keyed.admin.set_default_storage(keyed.org, "s3://bucket/new", "k")
        with pytest.raises(CredentialsError, match=f"hub://{keyed.org}/keyed, default storage"):
            keyed.admin.delete_key(keyed.org, "k")
        assert keyed.reader.resolve(keyed.org, "keyed").creds
        keyed.admin.delete_key(keyed.org, "k", force=True)
        assert keyed.reader.dataset(keyed.org, "keyed").creds_key is None
        assert keyed.reader.default_storage(keyed.org) == Storage("s3://bucket/new", None)
        with pytest.raises(MissingCredentialsError):
            keyed.reader.lend(keyed.org, "k")
        with pytest.raises(MissingCredentialsError):
            keyed.admin.delete_key(keyed.org, "k")

    def test_a_trial_is_remembered_until_the_key_changes(self, keyed):
        trial = keyed.admin.try_key(keyed.org, "k")
        assert not trial.is_good  # nothing listens there
        assert [step.name for step in trial.steps] == ["found", "parsed", "reached"]
        assert "127.0.0.1:9" in trial.steps[-1].said
        assert trial.steps[-1].advice
        assert CANARY not in repr(trial)
        assert keyed.admin.keys(keyed.org)[0].trial == trial
        assert keyed.admin.rotate_key(keyed.org, "k", KEYS).trial is None
        with pytest.raises(CredentialsError, match="url"):
            keyed.admin.try_key(keyed.org, "unused")
        with pytest.raises(CredentialsError, match="bound"):
            keyed.admin.try_key(keyed.org, "k", "s3://elsewhere/x")

    # ------------------------------------------------------------------ people

    def test_whoami_knows_the_roles(self, lab):
        assert lab.writer.whoami() == Identity(lab.names["writer"], {lab.org: "writer"})
        assert lab.writer.orgs() == (lab.org,)
        assert lab.root.whoami().is_administrator
        assert lab.reader.members(lab.org) == {
            lab.root.whoami().name: "admin",
            **{lab.names[role]: role for role in ("admin", "writer", "reader")},
        }

    def test_an_organisation_keeps_an_admin(self, lab):
        me = lab.root.whoami().name
        lab.admin.set_member(lab.org, me, None)
        for role in ("reader", "writer", None):
            with pytest.raises(HubConflictError, match="no admin left"):
                lab.admin.set_member(lab.org, lab.names["admin"], role)
        with pytest.raises(HubConflictError, match="no admin left"):
            lab.root.delete_user(lab.names["admin"])
        lab.admin.set_member(lab.org, lab.names["writer"], "admin")
        lab.admin.set_member(lab.org, lab.names["admin"], "reader")
        with pytest.raises(PermissionDeniedError):
            lab.admin.set_member(lab.org, lab.names["admin"], "admin")

    def test_two_admins_cannot_put_each_other_out(self, lab):
        lab.admin.set_member(lab.org, lab.root.whoami().name, None)
        lab.admin.set_member(lab.org, lab.names["writer"], "admin")

        def leave(hub, name):
            try:
                hub.set_member(lab.org, lab.names[name], None)
            except HubConflictError:
                return "kept"
            return "left"

        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(leave, lab.admin, "admin"), pool.submit(leave, lab.writer, "writer")]
            assert sorted(answer.result() for answer in asked) == ["kept", "left"]

    def test_members_that_cannot_be(self, lab):
        with pytest.raises(HubNotFoundError, match="nobody"):
            lab.admin.set_member(lab.org, "nobody", "reader")
        with pytest.raises(UnsupportedError, match="role"):
            lab.admin.set_member(lab.org, lab.names["reader"], "owner")
        with pytest.raises(HubConflictError):
            lab.root.create_org(lab.org)
        with pytest.raises(HubConflictError):
            lab.root.create_user(lab.names["reader"])
        with pytest.raises(HubNotFoundError):
            lab.root.delete_user(new("nobody"))
        with pytest.raises(PermissionDeniedError, match="yourself"):
            lab.root.delete_user(lab.root.whoami().name)

    def test_a_user_who_is_gone_is_nobody(self, lab):
        lab.root.delete_user(lab.names["writer"])
        with pytest.raises(HubTokenError):
            lab.writer.whoami()
        assert lab.names["writer"] not in lab.reader.members(lab.org)
        assert lab.names["writer"] not in lab.root.users()

    def test_a_role_that_was_taken_away_is_gone_at_once(self, keyed):
        keyed.writer.resolve(keyed.org, "keyed", "w")
        keyed.admin.set_member(keyed.org, keyed.names["writer"], "reader")
        with pytest.raises(PermissionDeniedError):
            keyed.writer.resolve(keyed.org, "keyed", "w")
        keyed.admin.set_member(keyed.org, keyed.names["writer"], None)
        with pytest.raises(DatasetNotFoundError):
            keyed.writer.resolve(keyed.org, "keyed", "r")

    # ------------------------------------------------------------------ tokens

    @pytest.mark.parametrize("as_jwt", [False, True])
    def test_a_token_is_shown_once_and_works_until_it_is_revoked(self, lab, by_token, as_jwt):
        text, token = lab.writer.create_token("laptop", ttl_seconds=3600, as_jwt=as_jwt)
        assert text.endswith(token.tail)
        assert (text.count(".") == 2) is as_jwt
        assert text.startswith("dlnb_") is not as_jwt
        assert token.expires_at - token.created_at == timedelta(hours=1)
        listed = {entry.id: entry for entry in lab.writer.tokens()}
        assert listed[token.id] == token
        assert text not in repr(listed)
        assert by_token(text).whoami().name == lab.names["writer"]
        assert {entry.id: entry for entry in lab.writer.tokens()}[token.id].used_at is not None
        lab.writer.revoke_token(token.id)
        lab.writer.revoke_token(token.id)
        with pytest.raises(HubTokenError) as caught:
            by_token(text).whoami()
        assert text[-20:] not in str(caught.value)
        assert token.id not in {entry.id for entry in lab.writer.tokens()}

    def test_a_token_makes_no_wider_one(self, lab, by_token):
        narrow = by_token(lab.admin.create_token("narrow", scope="reader")[0])
        with pytest.raises(PermissionDeniedError, match="'writer'"):
            narrow.create_token("wider")
        bound = by_token(lab.admin.create_token("bound", scope="admin", org=lab.org)[0])
        assert bound.whoami().orgs == {lab.org: "admin"}
        assert bound.create_token("same", scope="admin")[1].org == lab.org
        with pytest.raises((PermissionDeniedError, HubNotFoundError)):
            bound.create_token("other", org=lab.elsewhere)
        wide = lab.admin.tokens()[0]
        for hub in (narrow, bound):
            with pytest.raises((PermissionDeniedError, HubNotFoundError)):
                hub.revoke_token(wide.id)

    def test_a_token_of_the_same_id_and_a_right_checksum_is_not_the_token(self, lab, by_token):
        text, token = lab.writer.create_token("x")
        forged = token_text.opaque(token.id).reveal()
        assert forged[:15] == text[:15]
        assert token_text.id_of(Secret(forged), b"") == token.id
        with pytest.raises(HubTokenError, match="does not know"):
            by_token(forged).whoami()
        assert by_token(text).whoami()

    def test_tokens_that_cannot_be(self, lab, by_token):
        with pytest.raises(UnsupportedError, match="scope"):
            lab.writer.create_token("x", scope="owner")
        with pytest.raises(UnsupportedError, match="seconds"):
            lab.writer.create_token("x", ttl_seconds=0)
        with pytest.raises(HubNotFoundError):
            lab.writer.create_token("x", org=lab.elsewhere)
        with pytest.raises(HubNotFoundError):
            lab.writer.revoke_token("nothing")
        others = lab.admin.tokens()[0].id
        with pytest.raises(HubNotFoundError):
            lab.writer.revoke_token(others)
        text = lab.writer.create_token("x")[0]
        for bad in ("", "x", text[:-1], text[:-1] + ("a" if text[-1] != "a" else "b"), text[:20], f"{text}x", "a.b.c"):
            with pytest.raises(HubTokenError) as caught:
                by_token(bad).whoami()
            assert len(bad) < 9 or bad not in str(caught.value)

    # ------------------------------------------------------------------ the record of what was done

    def test_what_was_done_is_on_record(self, keyed):
        keyed.writer.resolve(keyed.org, "keyed", "w")
        keyed.writer.resolve(keyed.org, "keyed", "w")
        keyed.reader.lend(keyed.org, "k")
        keyed.writer.rename(keyed.org, "cars", "vans")
        entries = keyed.admin.audit(keyed.org)
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
        audit.verify(entries)
        done = [(entry.who, entry.action, entry.subject, entry.prefix, entry.mode) for entry in entries]
        vends = [entry for entry in done if entry[1] == "vend"]
        assert vends == [(keyed.names["writer"], "vend", "keyed", "s3://bucket/keyed", "w")]
        assert (keyed.names["reader"], "lend", "k", "s3://bucket", "r") in done
        assert (keyed.names["writer"], "rename", "cars to vans", "", "") in done
        assert (keyed.names["writer"], "connect", "keyed", "s3://bucket/keyed", "") in done
        assert CANARY not in repr(entries)
        assert keyed.admin.audit(keyed.org, after=entries[2].number, limit=2) == entries[3:5]
        assert keyed.admin.audit(keyed.org, after=10**6) == []
        assert keyed.names["reader"] in {entry.subject for entry in keyed.root.audit("", limit=10_000)}

    def test_what_was_refused_is_on_record_once_an_hour_and_why(self, keyed):
        before, of_hub = len(keyed.admin.audit(keyed.org)), len(keyed.root.audit("", limit=10_000))
        for _ in range(3):
            for ask in (
                lambda: keyed.reader.resolve(keyed.org, "keyed", "w"),
                lambda: keyed.stranger.lend(keyed.org, "k"),
                lambda: keyed.admin.try_key(keyed.org, "k", "s3://elsewhere/x"),
                lambda: keyed.reader.try_key(keyed.org, "k", f"s3://bucket/x?sig={CANARY}"),
                keyed.writer.users,
            ):
                with pytest.raises((PermissionDeniedError, *UNSEEN, CredentialsError)):
                    ask()
        made = keyed.admin.audit(keyed.org)[before:]
        audit.verify(keyed.admin.audit(keyed.org))
        names = keyed.names
        assert [(entry.who, entry.action, entry.subject, entry.prefix, entry.mode) for entry in made] == [
            (names["reader"], "resolve", "keyed", "", "w"),
            (names["stranger"], "lend", "k", "", "r"),
            (names["admin"], "try key", "k", "s3://elsewhere/x", ""),
            (names["reader"], "try key", "k", made[3].prefix, ""),
        ]
        assert "writing needs the role 'writer'" in made[0].refused
        assert "no managed key 'k'" in made[1].refused
        assert "bound to s3://bucket" in made[2].refused
        assert CANARY not in repr(made)
        (users,) = [entry for entry in keyed.root.audit("", limit=10_000)[of_hub:] if entry.who == names["writer"]]
        assert users.action == "users"
        assert users.refused.startswith("only an administrator of the hub may see its users")

    def test_what_is_not_there_is_no_refusal_of_a_member(self, keyed):
        before = len(keyed.admin.audit(keyed.org))
        for ask in (lambda: keyed.reader.dataset(keyed.org, "none"), lambda: keyed.reader.resolve(keyed.org, "none")):
            with pytest.raises(DatasetNotFoundError):
                ask()
        assert len(keyed.admin.audit(keyed.org)) == before

    def test_an_organisation_that_is_not_there_is_refused_on_the_record_of_the_hub(self, lab):
        if self.is_local:
            return  # there it comes into being
        before, org = len(lab.root.audit("", limit=10_000)), new("nowhere")
        with pytest.raises(UNSEEN):
            lab.stranger.dataset(org, "cars")
        made = lab.root.audit("", limit=10_000)[before:]
        assert [(entry.who, entry.org, entry.subject) for entry in made] == [(lab.names["stranger"], "", "cars")]
        assert org in made[0].refused

    def test_tokens_that_are_refused_are_on_record_without_themselves(self, lab, by_token):
        text, token = lab.writer.create_token("laptop")
        forged = [token_text.opaque(name).reveal() for name in (token.id, *(token_text.new_id() for _ in range(9)))]
        lab.writer.revoke_token(token.id)
        before = len(lab.root.audit("", limit=10_000))
        wrong = [text, "nothing of ours", text[:-1], *forged]
        for one in wrong:
            with pytest.raises(HubTokenError):
                by_token(one).whoami()
        made = [entry for entry in lab.root.audit("", limit=10_000)[before:] if entry.action == "authenticate"]
        (revoked,) = [entry for entry in made if entry.who]
        assert (revoked.who, revoked.subject) == (lab.names["writer"], token.id)
        assert "was revoked" in revoked.refused
        assert len(made) <= 2, "a flood of nobody's tokens is one entry an hour"
        assert [one for one in wrong if one in repr(made)] == []

    def test_refusals_of_one_user_are_bounded(self, lab):
        before = len(lab.admin.audit(lab.org))
        for number in range(70):
            with pytest.raises(UNSEEN):
                lab.stranger.dataset(lab.org, f"guess{number}")
        made = lab.admin.audit(lab.org)[before:]
        assert len(made) == refusals.USER_PER_HOUR
        assert f"what else {lab.names['stranger']} is refused until" in made[-1].refused

    def test_every_error_is_one_of_ours(self, keyed):
        """Wild text in every place for text."""
        wild = ["", "\0", "'; drop table users; --", "%00", "🚗", "a" * 10_000, "../..", "\ud800"]
        for text in wild:
            for ask in (
                lambda text=text: keyed.admin.resolve(text, text),
                lambda text=text: keyed.admin.connect(text, keyed.org, "n", text),
                lambda text=text: keyed.admin.set_member(keyed.org, text, "reader"),
                lambda text=text: keyed.admin.lend(keyed.org, text),
                lambda text=text: keyed.admin.rotate_key(keyed.org, "k", {text: text}),
                lambda text=text: keyed.admin.presign(keyed.org, "keyed", text, text),
                lambda text=text: keyed.admin.revoke_token(text),
                lambda text=text: keyed.root.create_user(text),
                lambda text=text: keyed.admin.set_default_storage(keyed.org, f"xyz://{text}"),
            ):
                with pytest.raises(LakeError):
                    ask()
        assert keyed.reader.dataset(keyed.org, "cars")
