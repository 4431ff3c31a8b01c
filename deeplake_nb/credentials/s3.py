"""Credentials of S3 and its likes, and what the AWS SDK finds by itself."""
# ruff: noqa: RUF009  # credential() is dataclasses.field()

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from deeplake_nb.credentials.chain import Chain, utc_now
from deeplake_nb.credentials.provider import (
    Env,
    Secret,
    Static,
    credential,
    from_environ,
    given,
    read_endpoint,
    read_time,
    read_yes,
    without_frames,
)
from deeplake_nb.credentials.refreshing import Refreshing
from deeplake_nb.errors import (
    CredentialsError,
    ExpiredCredentialsError,
    LakeError,
    MissingCredentialsError,
    MissingDependencyError,
    PartialCredentialsError,
    PermissionDeniedError,
    did_you_mean,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.urls import Url


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Credentials:
    """Who we are to an S3 storage, and which one it is.

    ``source`` says where it was found and takes no part in comparing. ``expires_at`` is aware UTC, ``None`` if unknown.
    """

    aws_access_key_id: str = credential(
        label="Access key id",
        help="The public half of a key pair: 20 letters and digits that begin with AKIA or ASIA.",
        env=("AWS_ACCESS_KEY_ID",),
    )
    aws_secret_access_key: Secret = credential(
        label="Secret access key",
        help="The secret half of the key pair.",
        env=("AWS_SECRET_ACCESS_KEY",),
        secret=True,
    )
    aws_session_token: Secret | None = credential(
        label="Session token",
        help="Comes with temporary keys only.",
        env=("AWS_SESSION_TOKEN",),
        secret=True,
        role="optional",
    )
    expires_at: datetime | None = credential(
        label="Expires",
        help="When temporary keys end, as 2030-01-31T12:00:00Z.",
        env=("AWS_CREDENTIAL_EXPIRATION",),
        role="optional",
        read=read_time,
    )
    aws_region: str | None = credential(
        label="Region",
        help="The bucket's region, as eu-west-1.",
        env=("AWS_REGION", "AWS_DEFAULT_REGION"),
        role="setting",
        aliases=("region_name",),
    )
    endpoint_url: str | None = credential(  # the SDK reads AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL and its own switches
        label="Endpoint",
        help="For storages that speak S3 but are not AWS, as http://localhost:9000.",
        role="setting",
        read=read_endpoint,
    )
    profile_name: str | None = credential(
        label="Profile",
        help="A profile of `aws configure`, in place of keys.",
        role="setting",
    )
    anonymous: bool | None = credential(
        label="Anonymous",
        help="'yes' asks without keys, as public buckets allow; the same as creds='anonymous'.",
        role="setting",
        read=read_yes,
    )
    source: str = field(default="argument", compare=False)


_ADVICE = (
    "Pass creds={'aws_access_key_id': …, 'aws_secret_access_key': …}, set AWS_ACCESS_KEY_ID and"
    " AWS_SECRET_ACCESS_KEY, or run `aws configure`"
)
# The SDK's names for its sources.
_WEB_IDENTITY = frozenset({"assume-role-with-web-identity"})
_ROLES = frozenset({"container-role", "iam-role"})


def chain(
    url: Url, creds: Mapping[str, object] | str, *, environ: Mapping[str, str], clock: Callable[[], datetime] = utc_now
) -> Chain:
    """Argument, environment, profile, web identity of this pod, then the role of this machine.

    A ``profile_name`` given stands alone, and so does ``"anonymous"``.

    Raises:
        CredentialsError: an unknown key or word, half a set, or keys together with a profile.
    """
    if isinstance(creds, str):
        if creds != "anonymous":  # not shown: it may be a key
            raise CredentialsError(
                "creds for s3:// is a dictionary, 'anonymous' for a public bucket, or 'ENV' as if none were given"
            )
        creds = {"anonymous": "yes"}
    values = given(S3Credentials, creds)
    argument = Static(S3Credentials, values)
    settings = {
        name: value
        for name, value in (from_environ(S3Credentials, environ) | values).items()
        if name in ("aws_region", "endpoint_url", "profile_name")
    }
    profile, region = values.get("profile_name"), settings.get("aws_region")
    sources: list[CredentialProvider]
    if values.get("anonymous"):
        if profile is not None or argument() is not None:
            raise CredentialsError("creds is anonymous and has keys or profile_name: give one of the two")
        nobody = {"aws_access_key_id": "", "aws_secret_access_key": Secret(""), "anonymous": True}
        sources = [Static(S3Credentials, nobody, "anonymous")]
    elif profile is None:
        files = sdk_profile(environ.get("AWS_PROFILE"), region=region)
        sources = [argument, Env(S3Credentials, environ), files, sdk_web_identity(region), sdk_role()]
    elif argument() is None:
        sources = [sdk_profile(profile, explicit=True, region=region)]
    else:
        raise CredentialsError("creds has both keys and profile_name: give one of the two")
    return Chain(str(url), sources, settings=settings, advice=_ADVICE, clock=clock)


def sdk_profile(profile: str | None = None, *, explicit: bool = False, region: str | None = None) -> SdkCredentials:
    """Everything configured in files: keys, assumed roles, SSO, ``credential_process``.

    A profile that is named by the user stands alone, and may have a web identity, too.
    """
    others = {*_ROLES, "env"} if explicit else {*_ROLES, *_WEB_IDENTITY, "env"}
    name = f"profile {profile or 'default'!r}"
    chosen = profile if explicit else None
    return SdkCredentials(name, "absent or without keys", lambda m: m not in others, profile=chosen, region=region)


def sdk_web_identity(region: str | None = None) -> SdkCredentials:
    """The token that a pod or a build is given, against a role."""
    absent = "AWS_WEB_IDENTITY_TOKEN_FILE unset"
    return SdkCredentials("web identity", absent, _WEB_IDENTITY.__contains__, region=region)


def sdk_role() -> SdkCredentials:
    """The role of the machine, container or pod."""
    return SdkCredentials("role of this machine", "none", _ROLES.__contains__)


def sdk_default() -> SdkCredentials:
    """The SDK's own chain as it is."""
    return SdkCredentials("AWS SDK", "found nothing", lambda _: True)


class SdkCredentials:
    """What the AWS SDK finds, by some of its methods. Thread-safe.

    The SDK reads the process's environment and the files of ``aws configure`` by itself, and knows how to get new
    keys. When it does so is decided here: by itself it would ask for each request once keys have ten minutes left.
    """

    def __init__(
        self,
        name: str,
        absent: str,
        uses: Callable[[str], bool],
        *,
        profile: str | None = None,
        region: str | None = None,
    ) -> None:
        self.name = name
        self.absent = absent
        self._uses = uses
        self._profile = profile
        self._region = region
        self._found: Any = None
        self._refreshing = Refreshing(name, self._ask)

    def __call__(self) -> S3Credentials | None:
        """A value, with the SDK's word for how it was found in ``source``.

        Raises:
            MissingCredentialsError: a profile that was named does not exist.
            PartialCredentialsError: a profile has half a key pair.
            ExpiredCredentialsError: an SSO or console login is over.
            PermissionDeniedError: a role may not be assumed.
            CredentialsError: the configuration or a ``credential_process`` is broken.
        """
        return cast("S3Credentials | None", self._refreshing())

    def _ask(self) -> S3Credentials | None:
        session = None
        try:
            if self._found is None:
                session = sdk_session(self._profile, self._region)
                resolver = session.get_component("credential_provider")
                resolver.providers = [source for source in resolver.providers if self._uses(source.METHOD)]
                self._found = resolver.load_credentials()
            if self._found is None:
                return None
            keys = self._found.get_frozen_credentials()
            return S3Credentials(
                aws_access_key_id=keys.access_key,
                aws_secret_access_key=Secret(keys.secret_key),
                aws_session_token=Secret(keys.token) if keys.token else None,
                expires_at=getattr(self._found, "_expiry_time", None),  # the SDK has no other word for it
                source=f"{self.name} ({self._found.method})",
            )
        except LakeError:
            raise
        except Exception as error:  # noqa: BLE001  # the SDK runs the user's own programs: anything may come
            known = sorted(session.available_profiles) if session is not None else []
            raise _sdk_error(self.name, error, known) from without_frames(error)


def _sdk_error(name: str, error: Exception, profiles: list[str]) -> LakeError:
    """Our error for what went wrong while the SDK looked for credentials."""
    sdk = aws_sdk().exceptions
    match error:
        case sdk.ProfileNotFound():
            wanted = error.kwargs["profile"]
            hint = did_you_mean(wanted, profiles)
            return MissingCredentialsError(
                f"no profile {wanted!r}{hint} in the files of `aws configure`; known: {', '.join(profiles) or 'none'}"
            )
        case sdk.PartialCredentialsError():
            return PartialCredentialsError(f"{name} has no {error.kwargs['cred_var']}: run `aws configure` again")
        case sdk.SSOError() | sdk.LoginError() | sdk.TokenRetrievalError() | RuntimeError():
            return ExpiredCredentialsError(f"the login of {name} is over: run `aws sso login` or `aws login` again")
        case sdk.NoRegionError():
            return CredentialsError(
                f"{name} needs a region to ask for a role: set AWS_REGION, or region in the profile"
            )
        case sdk.ClientError():
            code = error.response["Error"]["Code"]
            return PermissionDeniedError(f"{name} was refused a role ({code}): check role_arn and its trust policy")
        case _:
            reason = type(error).__name__
            return CredentialsError(f"{name} cannot be used ({reason}): check the files of `aws configure`")


def aws_sdk() -> Any:
    """The AWS SDK, imported at the first call (a third of a second).

    Raises:
        MissingDependencyError: boto3 is not installed.
    """
    try:
        import botocore.exceptions  # type: ignore[import-untyped]
        import botocore.session  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError("s3:// needs boto3: run `pip install boto3`") from error
    return botocore


def sdk_session(profile: str | None = None, region: str | None = None) -> Any:
    """A session of the AWS SDK that logs no secret; ``region`` goes before what the SDK has configured."""
    session = aws_sdk().session.Session(profile=profile)
    if region is not None:
        session.set_config_variable("region", region)
    for name in ("auth", "endpoint", "parsers", "utils"):
        logging.getLogger(f"botocore.{name}").addFilter(_no_debug)
    session.register_component("data_loader", _loader())
    return session


def _no_debug(record: logging.LogRecord) -> bool:
    """Drops the lines in which the SDK prints signed headers and whole answers: they hold tokens and keys."""
    return record.levelno > logging.DEBUG


@functools.cache
def _loader() -> Any:
    """The SDK's descriptions of its services: constant, and 100 ms to read, so all sessions share them."""
    return aws_sdk().session.Session().get_component("data_loader")
