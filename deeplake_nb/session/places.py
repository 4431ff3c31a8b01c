"""From what a user gives as a path and ``creds=`` to a storage: urls, names of a hub, credentials."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import CredentialsError, UrlError
from deeplake_nb.hub.folders import DATABASE, data_folder
from deeplake_nb.session.keyring import KeyRing
from deeplake_nb.session.names import Lending, NamedStorage, org_and_name
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import Url, addressed, parse

if TYPE_CHECKING:
    from deeplake_nb.credentials.provider import CredentialProvider, Secret
    from deeplake_nb.hub.protocol import Hub, Mode, Resolved
    from deeplake_nb.session.sign_in import BrowserSignIn
    from deeplake_nb.storage.provider import StorageProvider


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks a hub: ``org_id=``, whose managed keys are meant, and ``token=``, where it is given."""

    org: str | None = None
    token: Secret | None = None

    def options(self) -> dict[str, Any]:
        """The same, as the session's methods take it."""
        return {"org_id": self.org, "token": self.token}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads.

    Attributes:
        url: as it is shown; ``hub://org/name`` where a hub gave the place.
        storage: what is there.
        provider: who asks the storage; None where it knows no credentials.
        access: who asked the hub; ``org`` is the one whose managed keys its links may name.
        resolved: what the hub said of the name.
        creds_key: the managed key that ``creds=`` named.
    """

    url: Url
    storage: StorageProvider
    provider: CredentialProvider | None
    access: Access
    resolved: Resolved | None = None
    creds_key: str | None = None


class Places:
    """Opens places for one session. Thread-safe.

    Args:
        hub: the hub to ask; None is the one of ``DEEPLAKE_NB_HUB``, or the one of this user in this process.
        sign_in: signs in where ``creds="browser"`` asks for it.
        environ: where credentials are looked for.
    """

    def __init__(self, hub: Hub | None, sign_in: BrowserSignIn, environ: Mapping[str, str]) -> None:
        self._hub = hub
        self._sign_in = sign_in
        self._environ = environ
        self._hubs: dict[tuple[str, Secret | None], Hub] = {}
        self.keyring = KeyRing(self._hub_in_use, environ)
        self._lock = threading.Lock()

    def hub(self, token: Secret | None = None) -> Hub:
        """The hub in force; on a server with this token, or the one that is found for its address."""
        if self._hub is not None:
            return self._hub
        address = self._environ.get("DEEPLAKE_NB_HUB", "").strip().rstrip("/")
        with self._lock:
            if address:
                from deeplake_nb.hub.remote import HubClient
                from deeplake_nb.hub.sign_in import token_for

                token = token or token_for(address, self._environ)  # anew: one may have logged in again meanwhile
                if (address, token) not in self._hubs:
                    self._hubs[address, token] = HubClient(address, token, environ=self._environ)
                return self._hubs[address, token]
            from deeplake_nb.hub.embedded import EmbeddedHub

            folder = data_folder(self._environ)
            if (str(folder), None) not in self._hubs:
                self._hubs[str(folder), None] = EmbeddedHub(folder)
            return self._hubs[str(folder), None]

    def _hub_in_use(self) -> Hub | None:
        """The hub in force, unless it is the one of this user and nothing was ever put into it."""
        is_there = self._hub is not None or bool(self._environ.get("DEEPLAKE_NB_HUB", "").strip().rstrip("/"))
        return self.hub() if is_there or (data_folder(self._environ) / DATABASE).is_file() else None

    def open(
        self,
        path: Any,
        creds: Any = None,
        access: Access | None = None,
        *,
        mode: Mode | None = None,
        anew: bool = False,
    ) -> Place:
        """Where ``path`` leads, and who asks there; no storage is asked, a hub is where the path is a name.

        Args:
            path: a url or a local path.
            creds: as users give it, sealed; what is given wins over what a hub lends.
            access: who asks a hub.
            mode: what is going to be done; None: the most that one may.
            anew: a new dataset is to be made, so that a name which another one had before does not mean that.

        Raises:
            UrlError: a path that cannot be understood.
            DatasetNotFoundError: a name that the hub does not know, and where nothing can be made.
            CredentialsError: ``creds`` that are incomplete or not for this storage, or nobody signed in.
        """
        url = parse(path)
        if anew and url.scheme != "file" and addressed(path)[1] is not None:
            raise UrlError(f"{url}: what follows the @ would name a version; make a dataset at a path without it")
        access = access or Access()
        if url.scheme == "hub":
            return self._named(url, creds, access, mode, anew=anew)
        provider, key, access = self._credentials(url, creds, access, mode)
        return Place(url, open_storage(url, provider), provider, access, creds_key=key)

    def _named(self, url: Url, creds: Any, access: Access, mode: Mode | None, *, anew: bool) -> Place:
        org, name = org_and_name(url)
        hub = self.hub(access.token)
        resolved = hub.resolve(org, name, mode, anew=anew)
        place, shown = parse(resolved.url), Url("hub", resolved.org, resolved.name)
        access = Access(resolved.org, access.token)
        provider: CredentialProvider | None = None
        key = None
        if creds is not None:
            provider, key, _ = self._credentials(place, creds, access, resolved.mode)
            storage = open_storage(place, provider)
        elif resolved.presigned:
            from deeplake_nb.storage.presigned import PresignedStorage

            storage = PresignedStorage(place, lambda method, key: hub.presign(org, name, method, key))
        else:
            lending = None
            if resolved.creds:
                lending = Lending(
                    f"hub ({shown})", lambda fresh: hub.resolve(org, name, resolved.mode, fresh=fresh), resolved
                )
            provider = credentials_from(place, lending, environ=self._environ)
            storage = open_storage(place, provider)
        return Place(shown, NamedStorage(storage, shown), provider, access, resolved, key)

    def _credentials(
        self, url: Url, creds: Any, access: Access, mode: Mode | None
    ) -> tuple[CredentialProvider | None, str | None, Access]:
        """The source of credentials, and the managed key that was asked for, with whose it is."""
        if isinstance(creds, Mapping) and "creds_key" in creds:
            key = _managed_key(creds)
            lending = self.lending(key, access, url=url, mode=mode or "w")
            return credentials_from(url, lending, environ=self._environ), key, access
        if url.scheme == "gcs" and isinstance(creds, str) and creds == "browser":
            self._sign_in.ensure(url)
        if isinstance(creds, str) and creds == "ENV":  # v3's word for what is in force without creds=
            creds = None
        kept = () if creds is not None else self.keyring.sources(url, mode or "w", access.org)
        if url.scheme in ("http", "https"):  # asked without credentials unless there are some for just this place
            creds = next((source for source in kept if source() is not None), creds)
        return credentials_from(url, creds, environ=self._environ, kept=kept), None, access

    def lending(self, key: str, access: Access, *, url: Url, mode: Mode) -> Lending:
        """A managed key for one place, as ``creds=`` takes it.

        Raises:
            CredentialsError: nobody said whose it is.
        """
        if access.org is None:
            raise CredentialsError(f"creds has the managed key {key!r}: say whose, with org_id=")
        org, hub = access.org, self.hub(access.token)
        place = url.reveal()
        return Lending(f"hub key {key!r}", lambda fresh: hub.lend(org, key, url=place, mode=mode, fresh=fresh))


def _managed_key(creds: Mapping[str, Any]) -> str:
    key = creds["creds_key"]
    if len(creds) > 1 or not hasattr(key, "reveal"):
        raise CredentialsError(
            "creds with a creds_key is {'creds_key': 'name'} and nothing else; org_id= goes beside it"
        )
    return str(key.reveal())
