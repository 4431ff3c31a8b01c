"""Every error a caller can meet, as one tree.

::

    LakeError
    ├── UrlError (ValueError)                     a path that cannot be understood
    ├── CommandError (ValueError)                 a %lake line that cannot be understood
    ├── KeyNotFoundError (KeyError)               an object that is not there
    ├── KeyExistsError (FileExistsError)          put(if_absent=True) lost the race
    ├── DatasetNotFoundError (FileNotFoundError)  a place that holds no dataset
    ├── DatasetExistsError (FileExistsError)      a place that already holds something
    ├── TensorNotFoundError (KeyError)            an unknown tensor, with "did you mean"
    ├── TensorExistsError (ValueError)            a tensor name already taken
    ├── VersionNotFoundError (KeyError)           an unknown branch or commit
    ├── MergeError (ValueError)                   versions that cannot be joined
    ├── ReadOnlyError (PermissionError)           a write to something opened for reading
    ├── LockedError (PermissionError)             someone else is writing to the dataset
    ├── RowError (IndexError)                     a row out of range
    ├── HtypeError (ValueError)                   an unknown or unfitting htype, dtype or compression
    ├── SampleError (ValueError)                  a value that does not fit its tensor
    ├── DynamicShapeError (ValueError)            one array asked of samples of several shapes
    ├── FormatError (ValueError)                  stored bytes that break the format
    ├── VectorStoreError (ValueError)             a vector store asked what it cannot answer
    ├── UnsupportedError (NotImplementedError)    valid, but not something we can do
    │   └── AbsentError (AttributeError)          a name of v3 that there is not here; says what to do instead
    ├── LinkError (OSError)                       a linked file that cannot be read
    ├── CredentialsError
    │   ├── MissingCredentialsError               nothing found; names every source tried
    │   ├── PartialCredentialsError               half a set given
    │   ├── ExpiredCredentialsError
    │   └── RefusedCredentialsError               also a PermissionDeniedError: not genuine, whatever they may do
    ├── PermissionDeniedError (PermissionError)   found, signed, refused
    ├── HubError (OSError)                        a hub that cannot be reached, or failed
    │   ├── HubTokenError                         no token, or one that the hub refuses
    │   ├── HubNotFoundError                      no organisation, user or token that one may see
    │   └── HubConflictError                      what is asked for contradicts what is there
    ├── StorageError (OSError)                    the storage failed for another reason
    ├── CancelledError                            a long job that its user cancelled
    └── MissingDependencyError (ImportError)      an optional package; names the install command

Each class has a stable ``kind`` (for messages and logs) and ``retryable``. A message says what failed,
on which redacted object, what was expected, and what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """``" (did you mean 'x'?)"`` for the known word nearest to ``word``, or ``""``; ends a message's clause."""
    import difflib

    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def counted(number: int, noun: str) -> str:
    """``"1 row"``, ``"2,000 rows"``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def there_are(number: int, noun: str) -> str:
    """``"there is 1 row"``, ``"there are 2 rows"``; ends a message."""
    return f"there {'is' if number == 1 else 'are'} {counted(number, noun)}"


class LakeError(Exception):
    """Base of every error this package raises on purpose."""

    kind: ClassVar[str] = "lake"
    retryable: ClassVar[bool] = False

    def __str__(self) -> str:
        """The message as written: a KeyError would print it in quotes."""
        return str(self.args[0]) if self.args else ""


class UrlError(LakeError, ValueError):
    """A path or url that cannot be understood."""

    kind = "url"


class CommandError(LakeError, ValueError):
    """A ``%lake`` line that cannot be understood, or that must not be written so."""

    kind = "command"


class KeyNotFoundError(LakeError, KeyError):
    """No object under this key."""

    kind = "key-not-found"


class KeyExistsError(LakeError, FileExistsError):
    """A put with ``if_absent=True`` found an object already there."""

    kind = "key-exists"


class DatasetNotFoundError(LakeError, FileNotFoundError):
    """A place that holds no dataset."""

    kind = "dataset-not-found"


class DatasetExistsError(LakeError, FileExistsError):
    """A place that already holds a dataset, or other files."""

    kind = "dataset-exists"


class TensorNotFoundError(LakeError, KeyError):
    """No tensor of this name in the dataset."""

    kind = "tensor-not-found"


class TensorExistsError(LakeError, ValueError):
    """A tensor or group of this name exists already."""

    kind = "tensor-exists"


class VersionNotFoundError(LakeError, KeyError):
    """No branch or commit of this name."""

    kind = "version-not-found"


class MergeError(LakeError, ValueError):
    """Two versions that cannot be joined: both changed the same rows or names, or what a tensor is. Nothing changed."""

    kind = "merge"


class ReadOnlyError(LakeError, PermissionError):
    """A write to something that was opened for reading, or to a committed version."""

    kind = "read-only"


class LockedError(LakeError, PermissionError):
    """Another writer holds the dataset's lock; names it, and when the lock runs out. Nothing was written."""

    kind = "locked"
    retryable = True


class RowError(LakeError, IndexError):
    """A row that does not exist."""

    kind = "row"


class HtypeError(LakeError, ValueError):
    """An htype, dtype or compression that is unknown or does not go with the others."""

    kind = "htype"


class SampleError(LakeError, ValueError):
    """A value whose type, dtype or shape does not fit the tensor; nothing was written."""

    kind = "sample"


class DynamicShapeError(LakeError, ValueError):
    """Samples of several shapes were asked for as one array."""

    kind = "dynamic-shape"


class FormatError(LakeError, ValueError):
    """Stored bytes that are truncated, corrupt, or not of the format."""

    kind = "format"


class VectorStoreError(LakeError, ValueError):
    """A vector store asked for what it cannot do: arguments that contradict each other, a vector of another width."""

    kind = "vector-store"


class UnsupportedError(LakeError, NotImplementedError):
    """Something valid that this version cannot do."""

    kind = "unsupported"


class AbsentError(UnsupportedError, AttributeError):
    """A name of v3 that there is not here."""

    kind = "absent"


class LinkError(LakeError, OSError):
    """A linked file that cannot be read; its cause says whether the file or a storage is at fault.

    Where many are read it stands in the place of its array, and is raised as soon as numpy is given it.
    """

    kind = "link"

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise self


class CredentialsError(LakeError):
    """Credentials could not be had."""

    kind = "credentials"


class MissingCredentialsError(CredentialsError):
    """No source had credentials; the message names every source tried."""

    kind = "credentials-missing"


class PartialCredentialsError(CredentialsError):
    """A source had some, but not all, of a set of credentials."""

    kind = "credentials-partial"


class ExpiredCredentialsError(CredentialsError):
    """The credentials in force have expired."""

    kind = "credentials-expired"


class PermissionDeniedError(LakeError, PermissionError):
    """Credentials were found and the storage refused them."""

    kind = "permission-denied"


class RefusedCredentialsError(CredentialsError, PermissionDeniedError):
    """Credentials were found and sent, and are not accepted: a wrong secret, an unknown id, an altered token."""

    kind = "credentials-refused"


class HubError(LakeError, OSError):
    """A hub that cannot be reached, refuses the token, or failed."""

    kind = "hub"


class HubTokenError(HubError):
    """No token, or one that the hub refuses: malformed, unknown, expired or revoked."""

    kind = "hub-token"


class HubNotFoundError(HubError):
    """No organisation, user or token of that name, or none that the user may see."""

    kind = "hub-not-found"


class HubConflictError(HubError):
    """What is asked for contradicts what is there: a name that is taken, the last admin of an organisation."""

    kind = "hub-conflict"


class StorageError(LakeError, OSError):
    """The storage failed: network, throttling, disk, or an answer nobody expects."""

    kind = "storage"
    retryable = True


class CancelledError(LakeError):
    """A long job was cancelled by its user; the message says what became of the work."""

    kind = "cancelled"

    def _render_traceback_(self) -> list[str]:
        """One line where IPython would show a traceback: its user knows why."""
        return [f"{type(self).__name__}: {self}"]


class MissingDependencyError(LakeError, ImportError):
    """An optional package is not installed; the message has the command."""

    kind = "missing-dependency"


_OF_INPUT = (
    DynamicShapeError,
    FormatError,
    HtypeError,
    KeyNotFoundError,
    LinkError,
    RowError,
    SampleError,
    UnsupportedError,
    UrlError,
)


def is_of_input(error: LakeError) -> bool:
    """Whether what was given is at fault, however often it is tried: what may skip bad input may skip this.

    A storage that fails, credentials, a lock, a missing package or a user who cancels are no reason to leave data out.
    """
    if isinstance(error, LinkError) and isinstance(error.__cause__, LakeError):
        return is_of_input(error.__cause__)
    return isinstance(error, _OF_INPUT)
