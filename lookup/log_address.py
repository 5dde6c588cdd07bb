"""The address of a patch log: a path or a URL, and how much of it may be shown.

A URL may hold a password, and people write URLs in every way: with a slash in the password, with the scheme in
capitals, as a `Path`. A message shows scheme, host, port and path of a URL that is well formed, and of any other the
scheme alone.
"""

import os
import re

SCHEMES = ("redis", "rediss", "unix")
"""Of the URLs that name a log."""
FORM = "redis://user:password@host:port/db, with / ? # @ and % in a password written as %2F %3F %23 %40 and %25"
"""What a URL must look like, for messages."""
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[^/?#@\s]*@)?"
    r"(?P<host>(?:\[[0-9a-f:.%]+\]|[\w.-]+)(?::\d+)?)?(?P<path>/[^?#@]*)?(?:\?[^#@]*)?",
    re.IGNORECASE,
)
"""A URL whose parts nobody can mistake: user and password have no slash, question mark, hash or at sign in them."""
_LIKE_A_URL = re.compile(
    rf"\s*(?:{'|'.join(SCHEMES)}|valkeys?)\s*(?::|//)|.*://|\s*[a-z][a-z0-9+.-]*:/.*@", re.IGNORECASE | re.DOTALL
)
_WITH_PASSWORD = re.compile(r"\b([a-z][a-z0-9+.-]{0,20}:/{1,2})\S*@", re.IGNORECASE)


def is_url(where: str | os.PathLike[str]) -> bool:
    """Whether an address is meant as a URL, well formed or not. A `Path` has lost one of the two slashes of its URL."""
    return _LIKE_A_URL.match(os.fspath(where)) is not None


def clean_url(where: str) -> str | None:
    """A URL of a log without white space around it and with its scheme in small letters; None where it is none."""
    text = where.strip()
    scheme = text.partition(":")[0].lower()
    if scheme not in SCHEMES or _URL.fullmatch(text) is None:
        return None
    return scheme + text[len(scheme) :]


def redacted(where: str | os.PathLike[str]) -> str:
    """An address as it may be shown: a path as it is, a URL without user, password and query."""
    text = os.fspath(where)
    if not is_url(text):
        return text
    found = _URL.fullmatch(text.strip())
    if found is None:
        scheme = text.strip().partition(":")[0]
        return f"{scheme.lower() if scheme.isalnum() else ''}://…"
    return f"{found['scheme'].lower()}://{found['host'] or ''}{found['path'] or ''}"


def without_passwords(text: str) -> str:
    """A message without the users and passwords of URLs in it."""
    return _WITH_PASSWORD.sub(r"\1…@", text)
