"""What to do next about a failure: tables by what was tried, the storage and the kind of error. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deeplake_nb.errors import LakeError
    from deeplake_nb.urls import Url

_RIGHTS = {  # the right each step needs, as the storage calls it
    "s3": {
        "list": "s3:ListBucket on the bucket",
        "write": "s3:PutObject on the bucket's objects",
        "lock": "s3:PutObject on the bucket's objects",
        "read": "s3:GetObject on the bucket's objects",
        "delete": "s3:DeleteObject on the bucket's objects",
        "region": "s3:ListBucket on the bucket",
        "CORS": "s3:GetBucketCORS, if you need to know",
    },
    "azure": {
        "list": "the role Storage Blob Data Reader on the container",
        "write": "the role Storage Blob Data Contributor on the container",
        "lock": "the role Storage Blob Data Contributor on the container",
        "read": "the role Storage Blob Data Reader on the container",
        "delete": "the role Storage Blob Data Contributor on the container",
        "account": "the role Reader on the account, if you need to know",
        "CORS": "the role Reader on the account, if you need to know",
    },
    "gcs": {
        "list": "storage.objects.list on the bucket (the role Storage Object Viewer has it)",
        "write": "storage.objects.create on the bucket (the role Storage Object User has it)",
        "lock": "storage.objects.create on the bucket (the role Storage Object User has it)",
        "read": "storage.objects.get on the bucket (the role Storage Object Viewer has it)",
        "delete": "storage.objects.delete on the bucket (the role Storage Object User has it)",
        "region": "storage.buckets.get, if you need to know",
        "permissions": "storage.buckets.get, if you need to know",
        "CORS": "storage.buckets.get, if you need to know",
    },
    "file": dict.fromkeys(("list", "read"), "to read the folder (chmod u+rx)")
    | dict.fromkeys(("write", "lock", "delete"), "to write into the folder (chmod u+w)"),
}
_KINDS = {
    "credentials-missing": "give one of the sources above what it lacks, or give others",
    "credentials-partial": "give the whole set, or none of it",
    "credentials-expired": "sign in again, or get new temporary keys",
    "credentials-refused": "copy them once more, whole and without spaces; else make new ones",
    "credentials": "mend what the line says of these credentials, or use others",
    "permission-denied": "use an identity that may",
    "key-not-found": "what was written is not found again: is this storage consistent, and the endpoint the right one?",
    "url": "correct the address",
    "unsupported": "use a storage that can",
    "missing-dependency": "install what is missing",
}
_OTHERWISE = "do what the line says, then ask the doctor again"


def advice(step: str, url: Url, error: LakeError) -> str:
    """One sentence: what to do next.

    Args:
        step: what was tried: ``list``, ``write``, ``identity``.
        url: where.
        error: what came of it.
    """
    right = _RIGHTS.get(url.scheme, {}).get(step)
    if error.kind == "permission-denied" and right is not None:
        return f"ask its owner for {right}, or use other credentials"
    return _KINDS.get(error.kind, _OTHERWISE)
