"""Lending on Google Cloud Storage: tokens of a service account, narrowed by an access boundary."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deeplake_nb.credentials import gcs_keys
from deeplake_nb.credentials.gcs import GcsCredentials
from deeplake_nb.credentials.gcs_tokens import Found, SdkTokens, machine
from deeplake_nb.errors import CredentialsError, MissingCredentialsError, PermissionDeniedError, UnsupportedError
from deeplake_nb.hub.kinds import google_key
from deeplake_nb.hub.vending.grant import Cloud, Grant, Method, Vended, lent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deeplake_nb.hub.protocol import Mode
    from deeplake_nb.urls import Url

_CLOUD = "https://www.googleapis.com/auth/cloud-platform"  # what a token must be for, to be narrowed
_STS = "https://sts.googleapis.com"
_LONGEST_SECONDS = 3600
_LONGEST_URL_SECONDS = 7 * 24 * 3600
_MOST_RULES = 10  # https://cloud.google.com/iam/docs/downscoping-short-lived-credentials
_ROLES: Mapping[Mode, tuple[str, ...]] = {
    "r": ("storage.objectViewer",),
    "a": ("storage.objectViewer", "storage.objectCreator"),  # to replace an object takes the right to delete it
    "w": ("storage.objectUser",),
}
_EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
    "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
}
_REFUSED = (
    PermissionDeniedError,
    "the service account's key was deleted, or the hub may not act as it: run what provisioning prints",
)


def vend(grant: Grant) -> Vended:
    """A token for these places; it works in buckets with uniform access only, as access boundaries do.

    It lasts as long as Google lets it (an hour), and is told to end with the wanted time.
    """
    is_narrowed = _is_google(grant) or "sts_endpoint_url" in grant.fields
    if not is_narrowed and not grant.lends_itself:
        return Vended(None)
    rules = boundary(grant.places, grant.mode) if is_narrowed else None
    found = SdkTokens("the managed key", "it gives none", partial(_narrowed, grant, rules), grant.clock)()
    if not isinstance(found, GcsCredentials) or found.token is None:
        raise CredentialsError(f"no token for {grant.places[0]}: Google gave none for the managed key")
    now = grant.clock()
    wanted = now + timedelta(seconds=grant.ttl_seconds)
    ends = min(found.expires_at or wanted, wanted)
    return lent({"token": found.token} | grant.chosen("user_project", "endpoint_url"), ends, now)


def presign(grant: Grant, method: Method, key: str) -> str:
    """One address, signed with the account's key, or by Google for an account that is impersonated."""
    if method == "LIST":
        raise UnsupportedError(f"cannot sign a listing of {grant.places[0]}: lend a key for it instead")
    place = grant.places[0]
    gcs_keys.google_auth()
    from google.cloud.storage import Client  # type: ignore[import-untyped]

    credentials = _source(grant).sdk
    client = Client(project="none", credentials=credentials)
    name = f"{place.path}/{key}" if place.path else key
    endpoint = grant.fields.get("endpoint_url")
    return str(
        client.bucket(place.authority)
        .blob(name)
        .generate_signed_url(
            version="v4",
            expiration=timedelta(seconds=min(grant.ttl_seconds, _LONGEST_URL_SECONDS)),
            method=method,
            credentials=credentials,
            **({"api_access_endpoint": str(endpoint)} if endpoint else {}),
        )
    )


CLOUD = Cloud(vend, presign)


def boundary(places: Iterable[Url], mode: Mode) -> dict[str, Any]:
    """What a token may be used for: this mode, below these places (folders, or whole buckets).

    Raises:
        CredentialsError: they are more than Google takes.
    """
    rules = [_rule(place, mode) for place in places]
    if len(rules) > _MOST_RULES:
        raise CredentialsError(f"a Google token is for {_MOST_RULES} places at most, not {len(rules)}: lend fewer")
    return {"accessBoundary": {"accessBoundaryRules": rules}}


def _rule(place: Url, mode: Mode) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "availableResource": f"//storage.googleapis.com/projects/_/buckets/{place.authority}",
        "availablePermissions": [f"inRole:roles/{role}" for role in _ROLES[mode]],
    }
    if place.path:  # with the slash: a folder's name may begin another's
        objects = quoted(f"projects/_/buckets/{place.authority}/objects/{place.path}/")
        listing = "api.getAttribute('storage.googleapis.com/objectListPrefix', '')"
        expression = f"resource.name.startsWith({objects}) || {listing}.startsWith({quoted(f'{place.path}/')})"
        rule["availabilityCondition"] = {"title": "one folder", "expression": expression}
    return rule


def quoted(text: str) -> str:
    """Text as Google's language of conditions writes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + "'"


def ambient(environ: Mapping[str, str]) -> Any:
    """The hub's own identity on Google's cloud: a credentials object of the SDK, or None.

    From the file in ``GOOGLE_APPLICATION_CREDENTIALS``, what gcloud has signed in, or the machine's service account.
    """
    given = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
    path = given or gcs_keys.default_path(environ)
    if given or gcs_keys.default_path(environ).is_file():
        return _scoped(gcs_keys.sdk_credentials(gcs_keys.read(path, f"the hub's own {path}"), f"the hub's own {path}"))
    if environ.get("NO_GCE_CHECK") == "true":
        return None
    found = machine(environ.get("GCE_METADATA_HOST") or environ.get("GCE_METADATA_IP") or "169.254.169.254")
    return _scoped(found.sdk) if found else None


def _scoped(sdk: Any) -> Any:
    return sdk.with_scopes([_CLOUD]) if hasattr(sdk, "with_scopes") else sdk


def _is_google(grant: Grant) -> bool:
    host = urlsplit(str(grant.fields.get("endpoint_url", "https://storage.googleapis.com"))).hostname or ""
    return host == "googleapis.com" or host.endswith(".googleapis.com")


def _source(grant: Grant) -> Found:
    """The whole service account."""
    if grant.kind == "gcs-account":
        return Found(_scoped(gcs_keys.sdk_credentials(google_key(grant.fields), "the managed key")), _REFUSED)
    hub, account = ambient(grant.environ), grant.fields["service_account"]
    if hub is None:
        raise MissingCredentialsError(
            f"the hub has no identity on Google's cloud to act as {account}: run it on a machine with a service"
            " account, or set GOOGLE_APPLICATION_CREDENTIALS"
        )
    from google.auth.impersonated_credentials import Credentials

    iam = grant.fields.get("sts_endpoint_url")
    address = f"{str(iam).rstrip('/')}/v1/projects/-/serviceAccounts/{account}:generateAccessToken" if iam else None
    made: Any = Credentials(  # type: ignore[no-untyped-call]
        hub, str(account), [_CLOUD], lifetime=_LONGEST_SECONDS, iam_endpoint_override=address
    )
    return Found(made, _REFUSED)


def _narrowed(grant: Grant, rules: dict[str, Any] | None) -> Found:
    source = _source(grant)
    if rules is None:
        return source
    return Found(_Narrowed(source.sdk, str(grant.fields.get("sts_endpoint_url") or _STS), rules), _REFUSED)


class _Narrowed:
    """What the SDK would call a credentials object: one that is exchanged for a narrower one."""

    valid = False

    def __init__(self, source: Any, endpoint: str, rules: dict[str, Any]) -> None:
        self._source = source
        self._address = f"{endpoint.rstrip('/')}/v1/token"
        self._rules = rules
        self.token: str = ""
        self.expiry: datetime | None = None

    def refresh(self, request: Any) -> None:
        from google.oauth2.sts import Client

        self._source.refresh(request)
        answer = Client(self._address).exchange_token(  # type: ignore[no-untyped-call]
            request, subject_token=self._source.token, additional_options=self._rules, **_EXCHANGE
        )
        self.token = answer["access_token"]
        left = answer.get("expires_in")  # without it, it ends with the one it was made of
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=left) if left else self._source.expiry
