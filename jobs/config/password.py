"""The password of the patch log, which stands neither in the configuration nor on a command line."""

import os
from pathlib import Path
from urllib.parse import quote

from jobs.errors import ConfigError
from lookup.log_address import FORM, clean_url, is_url, redacted


def with_password(where: str | Path, env: str | None, file: Path | None) -> str:
    """The URL of a patch log with a password from an environment variable or a file. The result is never to be shown.

    where: the URL without a password. env: the name of the variable. file: its first line is the password.

    Raises ConfigError where both are given, where there is no password, and where the URL is none or has one already.
    """
    if env is not None and file is not None:
        raise ConfigError("password_env and password_file both say where the password of the log is: give one")
    url = clean_url(os.fspath(where))
    if url is None:
        raise ConfigError(f"{redacted(where)}: a password is for a log in Redis; expected a URL such as {FORM}")
    scheme, _, rest = url.partition("://")
    user, _, place = rest.rpartition("@")
    if has_password(url):
        raise ConfigError(f"{redacted(url)}: the URL has a password already; take it out of there")
    return f"{scheme}://{user.rstrip(':')}:{quote(_password(env, file), safe='')}@{place}"


def has_password(where: str) -> bool:
    """Whether a URL names a password, or is written in such a way that nobody can tell."""
    url = clean_url(where) if is_url(where) else ""
    if url is None:
        return "@" in where or "password" in where.lower()
    head, _, query = url.partition("?")
    return ":" in head.partition("://")[2].rpartition("@")[0].rstrip(":") or "password=" in query.lower()


def _password(env: str | None, file: Path | None) -> str:
    if file is None:
        found, source = os.environ.get(env or "", ""), f"the environment variable {env}"
    else:
        try:
            found, source = file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r"), str(file)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: the password of the log cannot be read there: {error}") from None
    if not found:
        raise ConfigError(f"{source} is empty or not set; the password of the log was expected there")
    return found
