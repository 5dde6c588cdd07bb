"""An object store. The only module that imports `obstore` (the extra `daybreak-lookup[fetch]`).

`obstore` is one wheel for S3, GCS, Azure and folders. It has conditional puts, timeouts and retries, and takes
credentials from the environment as each cloud's own tools do. No text of its errors is shown: servers put keys into
them.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError, PreconditionError
from obstore.store import LocalStore, from_url

from lookup.errors import StoreError
from lookup.travel.address import checked_url

SECONDS = 20.0
"""How long a server may say nothing."""
CONNECT_SECONDS = 5.0
SLOWEST = 15
"""A request may take so many times as long, where the server goes on answering: 1 MiB in 300 seconds."""
RETRIES = 3
DELETE_AT_ONCE = 500
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_STATUS = re.compile(r"status code: ([0-9]{3}(?: [A-Z][A-Za-z ]{1,40})?)")

Version = dict[str, str]
"""What tells one content of an object from another, for a conditional put."""


class Entry(NamedTuple):
    """An object in a list."""

    name: str
    bytes: int
    modified: datetime
    """By the server's clock."""


class Store:
    """The objects below a URL. Thread-safe. Every call has a deadline.

    url: see `lookup.travel.address`. seconds: how long the server may say nothing. Every method raises StoreError, in
    one sentence with the place and without any secret, where the store cannot be reached or refuses.
    """

    def __init__(self, url: str, seconds: float = SECONDS):
        self.url = checked_url(url)
        self.bytes_read, self.bytes_written = 0, 0
        with self._told(""):
            if self.url.startswith("file://"):
                self._store: Any = LocalStore(self.url.removeprefix("file://"), mkdir=True)
                return
            endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
            self._store = from_url(
                re.sub("^s3a:", "s3:", self.url),
                client_options={
                    "connect_timeout": timedelta(seconds=min(CONNECT_SECONDS, seconds)),
                    "read_timeout": timedelta(seconds=seconds),
                    "timeout": timedelta(seconds=SLOWEST * seconds),
                    "allow_http": endpoint.lower().startswith("http://"),  # only who asks for it gets it
                },
                retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=3 * seconds)},
            )

    def read(self, name: str, most: int) -> bytes | None:
        """The bytes of an object; None where there is none. most: it may not be larger."""
        found = self.read_version(name, most)
        return None if found is None else found[0]

    def read_version(self, name: str, most: int) -> tuple[bytes, Version] | None:
        """The bytes of an object, and its version. See `read`."""
        with self._told(name):
            for left in range(RETRIES, -1, -1):
                try:
                    result = obstore.get(self._store, name)
                    size = result.meta["size"]
                    if size > most:
                        raise StoreError(f"{self.url}/{name}: {size} bytes found, {most} at most expected")
                    data = bytes(result.bytes())
                except FileNotFoundError:
                    return None
                except BaseError as error:
                    # `obstore` tries a request again, but not an answer that ends too early.
                    if left == 0 or "Interrupted" not in str(error):
                        raise
                    continue
                self.bytes_read += len(data)
                return data, _version(result.meta)
        raise AssertionError("the last try returns or raises")

    def write(self, name: str, data: bytes) -> None:
        """Write an object, whole: a reader finds the old one or the new one."""
        with self._told(name):
            obstore.put(self._store, name, data, use_multipart=False)
            self.bytes_written += len(data)

    def write_if(self, name: str, data: bytes, instead_of: Version | None) -> Version | None:
        """Write an object where it is still the one of a version. instead_of: None: where there is none.

        Returns the new version; None where the object is another one by now. A store that knows no such condition (a
        folder) compares first: its writers take turns by `jobs.releases.remote.lease`.
        """
        with self._told(name):
            try:
                mode: Any = "create" if instead_of is None else instead_of
                made = obstore.put(self._store, name, data, mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                # An answer may be lost, and the request repeated: then it was this very call.
                found = self.read_version(name, max(len(data), 1 << 16))
                return found[1] if found is not None and found[0] == data else None
            except (NotSupportedError, NotImplementedError):
                found = self.read_version(name, 1 << 30)
                if (None if found is None else found[1]) != instead_of:
                    return None
                made = obstore.put(self._store, name, data, use_multipart=False)
            self.bytes_written += len(data)
            return _version(made)

    def entries(self, prefix: str) -> Iterator[Entry]:
        """All objects whose names begin with a folder."""
        with self._told(prefix):
            for part in obstore.list(self._store, prefix, chunk_size=1000):
                for one in part:
                    yield Entry(one["path"], one["size"], one["last_modified"])

    def modified(self, name: str) -> datetime | None:
        """When an object was written, by the server's clock; None where there is none."""
        with self._told(name):
            try:
                found: datetime = obstore.head(self._store, name)["last_modified"]
            except FileNotFoundError:
                return None
            return found

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; those that are not there are no error."""
        for start in range(0, len(names), DELETE_AT_ONCE):
            part = list(names[start : start + DELETE_AT_ONCE])
            with self._told(part[0]):
                try:
                    obstore.delete(self._store, part)
                except FileNotFoundError:
                    for name in part:
                        try:
                            obstore.delete(self._store, name)
                        except FileNotFoundError:
                            continue

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        place = f"{self.url}/{name}".rstrip("/")
        try:
            yield
        except StoreError:
            raise
        except (BaseError, OSError, ValueError, RuntimeError) as error:
            raise StoreError(f"{place}: {_reason(error)}") from None  # the error's own text may hold a key


def _version(meta: Any) -> Version:
    return {key: meta[key] for key in ("e_tag", "version") if meta.get(key) is not None}


def _reason(error: Exception) -> str:
    """What went wrong, in words of our own."""
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    said = ", ".join(found[1] for found in (status, code) if found)
    kind = type(error).__name__
    if said:
        remedy = "; the clock of this machine is wrong" if "Skewed" in said else ""
        if not remedy and (
            kind in ("PermissionDeniedError", "UnauthenticatedError") or "AccessKey" in said or "Expired" in said
        ):
            remedy = "; the credentials in the environment are wrong, have expired, or may not do this"
        return f"the server answers {said}{remedy}"
    return error.strerror if isinstance(error, OSError) and error.strerror else _kind_of(text.lower(), kind)


def _kind_of(lower: str, kind: str) -> str:
    """What a text about a failed request is about. lower: in small letters; kind: of error."""
    if "credential" in lower or "169.254" in lower or "metadata" in lower:
        return (
            "no credentials found in the environment (for S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role)"
        )
    if "timed out" in lower or "timeout" in lower:
        return "the server did not answer in time"
    if "response body error" in lower or "decoding response body" in lower:
        return "the connection broke off in the middle of an answer"
    if "error sending request" in lower or "connect" in lower or "dns" in lower:
        return "the server cannot be reached"
    if "no space left" in lower:
        return "No space left on device"
    return f"the store failed ({kind})"
