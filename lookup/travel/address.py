"""The address of an object store: a URL that holds no secret, for credentials come from the environment."""

import re

from lookup.errors import StoreError

SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss", "file")
"""Of the URLs that name a store."""
FORM = (
    "s3://bucket/folder, gs://bucket/folder, az://container/folder, abfss://container@account/folder or file:///folder"
)
"""What a URL must look like, for messages."""
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_PATH = r"(?:/[^\s?#@:\\]*)?"
_URL = re.compile(
    rf"(?:(?:s3a?|gs|az|abfss?)://{_NAME}{_PATH}|abfss?://{_NAME}@{_NAME}{_PATH}|file:///[^\s?#]+)", re.IGNORECASE
)
"""A URL in which nothing can be a secret: no user with a password, no query, no fragment."""


def checked_url(url: str) -> str:
    """The URL of a store, its scheme in small letters and without slashes at the end.

    Raises StoreError for any other text, which it does not show, because a secret may be in it.
    """
    text = url.strip()
    if _URL.fullmatch(text) is None or "/../" in f"{text}/" or "/./" in f"{text}/":
        scheme = text.partition("://")[0].lower()
        shown = f"{scheme}://…" if scheme in SCHEMES else "this address"
        raise StoreError(
            f"{shown}: not the URL of an object store; expected {FORM}. Keys, tokens and passwords stand in the "
            "environment (AWS_ACCESS_KEY_ID and so on), never in a URL"
        )
    scheme, _, rest = text.partition("://")
    return f"{scheme.lower()}://{rest.rstrip('/')}"
