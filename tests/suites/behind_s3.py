"""The hooks of the storage suite for whatever speaks S3."""

from __future__ import annotations


class BehindS3:
    """Goes past the provider with ``behind``, an SDK client that a fixture of the test class sets."""

    def write_behind(self, provider, key, content):
        self.behind.put_object(Bucket=provider.url.authority, Key=f"{provider.url.path}/{key}", Body=content)

    def read_behind(self, provider, key):
        try:
            found = self.behind.get_object(Bucket=provider.url.authority, Key=f"{provider.url.path}/{key}")
        except self.behind.exceptions.NoSuchKey:
            return None
        return found["Body"].read()
