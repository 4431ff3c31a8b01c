"""What users call: opening, making, moving and naming datasets, and opening files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.provider import sealed
from deeplake_nb.errors import UnsupportedError
from deeplake_nb.format.samples import Link
from deeplake_nb.session import hubs, naming
from deeplake_nb.session.arguments import access_of, discreet, sealed_token
from deeplake_nb.session.ingesting import Ingesting
from deeplake_nb.session.places import Access
from deeplake_nb.urls import DiscreetText, lasting, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from deeplake_nb.credentials.provider import Secret
    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.diagnosis.report import Report
    from deeplake_nb.errors import LakeError
    from deeplake_nb.format.samples import Sample
    from deeplake_nb.session.arguments import Path
    from deeplake_nb.session.audit import AuditTable


class Session(Ingesting):
    """Opens datasets and files. Thread-safe.

    Paths may be names of a hub, ``hub://org/name``. Methods that take a path and other options take ``org_id=`` (whose
    managed key ``creds={"creds_key": ...}`` means) and ``token=`` (of the hub's server, where not the usual one) too.

    Args:
        lead: leads a sign-in of ``creds="browser"``: shows its link and hands in what is pasted, until there is an
            answer. The default prints the link and asks.
        hub: the hub that names are looked up in; the default is the server of ``DEEPLAKE_NB_HUB``, or else the hub
            of this user, in this process.
    """

    def keep_creds(self, prefix: Path, creds: Any) -> None:
        """Use ``creds`` for all that lies below ``prefix``, as if given in each call, until this process ends."""
        prefix, creds = discreet(prefix, creds)
        self._places.keyring.keep(parse(prefix), creds)

    def forget_creds(self, prefix: Path) -> bool:
        """Use no longer what was kept for just this prefix; False if there was nothing."""
        prefix, _ = discreet(prefix, None)
        return self._places.keyring.forget(parse(prefix))

    # ------------------------------------------------------------------ what stands in the way

    def explain(self, path: Path, creds: Any = None, **options: Any) -> Report:
        """Which source of credentials is in force for ``path``, and what each of the others said; no storage is asked.

        Raises:
            UrlError: a path that cannot be understood.
            CredentialsError: ``creds`` that are incomplete or not for this storage.
        """
        path, creds = discreet(path, creds)
        return hubs.explained(self._places, self._places.open(path, creds, access_of(options)))

    def doctor(self, path: Path, creds: Any = None, **options: Any) -> Report:
        """What works at ``path`` and what does not, by real calls, each with what to do next.

        Writes one small object of a name of its own there, and removes it.

        Raises:
            UrlError: a path that cannot be understood.
            CredentialsError: ``creds`` that are incomplete or not for this storage.
            UnsupportedError: a storage this version cannot open.
        """
        path, creds = discreet(path, creds)
        return hubs.examined(self._places, self._places.open(path, creds, access_of(options)))

    def sign_out(self) -> int:
        """Forget the sign-ins of ``creds="browser"`` that are kept on this machine; how many there were.

        Google keeps the consent until it is withdrawn at https://myaccount.google.com/connections.
        """
        return self._sign_in.sign_out()

    # ------------------------------------------------------------------ names in a hub

    def connect(  # noqa: PLR0917 - v3's signature
        self,
        src_path: Path,
        creds_key: str | None = None,
        dest_path: str | None = None,
        org_id: str | None = None,
        ds_name: str | None = None,
        token: str | Secret | None = None,
    ) -> Dataset:
        """Give a dataset in your own storage a name in a hub, and load it by that; moves no data.

        Args:
            src_path: where it lies.
            creds_key: the managed key of the organisation that opens it.
            dest_path: ``hub://org/name``.
            org_id: in place of that: the organisation; the name is ``ds_name``, or the last part of ``src_path``.
            ds_name: goes with ``org_id``.
            token: of the hub's server, where not the usual one.

        Raises:
            DatasetNotFoundError: no dataset at ``src_path``; it got no name.
            DatasetExistsError: the name is taken by another dataset.
            MissingCredentialsError: the hub has no such key.
        """
        token = sealed_token(token)
        src_path = DiscreetText(src_path) if isinstance(src_path, str) else src_path
        dest_path = DiscreetText(dest_path) if isinstance(dest_path, str) else dest_path
        wanted = naming.wanted(dest_path, org_id, ds_name)
        place = naming.connect(self._places, parse(src_path), creds_key, wanted, Access(wanted[0], token))
        return self._loaded(place, None, read_only=None)

    def rename(self, path: Path, new_name: str, **options: Any) -> Dataset:
        """Give a dataset of a hub another name, and load it by that; the old one goes on meaning it. Moves no data.

        Raises:
            UnsupportedError: a path that is no name of a hub.
            DatasetExistsError: the name is taken.
        """
        path, _ = discreet(path, None)
        place = self._places.open(path, None, access_of(options), mode="w")
        return self._loaded(naming.rename(self._places, place, new_name), None, read_only=None)

    def query(self, query_string: str, token: str | Secret | None = None) -> Dataset:
        """Rows of the dataset that a query names: ``SELECT * FROM "path" WHERE ...``; see ``Dataset.query``.

        Raises:
            CommandError: no such query, or one that names no dataset.
            DatasetNotFoundError: nothing there.
        """
        from deeplake_nb.dataset.clauses import source_of
        from deeplake_nb.errors import CommandError

        token = sealed_token(token)
        source = source_of(query_string)
        if source is None:
            raise CommandError(
                f'a query here names its dataset, as in FROM "path"; this names none: {query_string:.200}'
            )
        return self.load(source, read_only=True, token=token).query(query_string)

    def list(self, org_id: str, token: str | Secret | None = None) -> list[str]:
        """Paths of an organisation's datasets in the hub, in order; asks for them a page at a time."""
        token = sealed_token(token)
        return [entry.path for entry in hubs.datasets(self._places.hub(token), org_id)]

    def audit(self, org_id: str, token: str | Secret | None = None) -> AuditTable:
        """Who did what in an organisation of the hub, and who was lent what for which place, when; as a table.

        Raises:
            PermissionDeniedError: for admins of the organisation only.
        """
        from deeplake_nb.session.audit import audit_table

        token = sealed_token(token)
        return audit_table(self._places.hub(token), org_id)

    # ------------------------------------------------------------------ files

    def read(
        self,
        path: Path,
        *,
        creds: Any = None,
        compression: str | None = None,
        verify: bool = False,
        storage: None = None,
        timeout: float | None = None,  # noqa: ARG002 - v3's argument; storages have times of their own
    ) -> Sample:
        """A file to append as it is. It is opened when it is appended or looked at, not before.

        A relative path means the file below the working folder of this moment.

        Raises:
            LinkError: no such file (at once for a local one with ``verify``).
            UnsupportedError: ``storage``, which is of the inside of v3.
        """
        if storage is not None:
            raise UnsupportedError("read() takes no storage: give the whole path of the file, and creds= for it")
        path = DiscreetText(path) if isinstance(path, str) else path
        creds = sealed(creds)
        sample = self._files.sample(path, creds, compression)
        if verify:
            sample.array  # noqa: B018 - decodes, and so checks
        return sample

    def link(self, path: Path, creds_key: str | None = None) -> Link:
        """A link to a file, to append to a ``link[...]`` tensor; the file stays where it is.

        A relative path means the file below the working folder of this moment, and is kept as its whole path.

        Raises:
            UrlError: a path that cannot be understood.
        """
        path = DiscreetText(path) if isinstance(path, str) else path
        url = parse(path)
        return Link(lasting(str(path) if isinstance(path, str) else url.reveal()), creds_key)

    def open_links(self, links: Sequence[Link], managed: Collection[str] = ()) -> Sequence[memoryview | LakeError]:
        """The linked files' bytes, in order; one that cannot be had stands as its error. Concurrent per storage."""
        return self._links.open(links, managed)


@cache
def default() -> Session:
    """This kernel's session."""
    return Session()
