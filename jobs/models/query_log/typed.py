"""The text of a search as it was logged: decoded to what was typed, and whether a person typed it."""

import json
import re
from urllib.parse import unquote_to_bytes

from lookup.text.normalise import LONGEST_QUERY, normalise

ROUNDS = 2
"""How often a text is taken out of a URL: some logs have `blue%2520shoes`."""
NO_WORDS, MACHINE, ADDRESS, LETTER = "no words", "machine", "address", "one letter"
"""Why a text is no query. An address is a person's, and is neither learned from nor suggested to others."""

_ESCAPED = re.compile("%[0-9a-fA-F]{2}")
_PLUSES = re.compile(r"[^\W_]+(?:\+[^\W_]+)+")
_JSON_ESCAPE = re.compile(r'\\(?:u[0-9a-fA-F]{4}|")')
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_MACHINE = re.compile(
    r"""
    ^\s*[{\[]\s*["{\[] | ^\s*<\?xml                       # a request's body
    | ^(?:https?|ftp)://\S+$ | ^www\.\S+\.\S+$            # a URL
    | <\s*script | javascript: | \bon(?:error|load)\s*=   # attacks by markup
    | \.\./\.\. | /etc/passwd | \$\{\w*:? | \{\{.*\}\}    # by paths and templates
    | \bunion\s+(?:all\s+)?select\b | \bselect\b.+\bfrom\b.+\b(?:where|information_schema|dual)\b
    | \b(?:waitfor\s+delay|pg_sleep|dbms_pipe|xp_cmdshell|benchmark\s*\(\s*\d|sleep\s*\(\s*\d)
    | ['"]\s*(?:or|and)\s+['"(]?\s*\d+['"]?\s*=\s*['"]?\d # by SQL
    """,
    re.IGNORECASE | re.VERBOSE,
)


def decoded(text: str) -> str:
    """The text that was typed, where a log has it as a URL or JSON writes it.

    `blue%20shoes`, `blue+shoes`, `blue%2520shoes` are "blue shoes", `"caf\\u00e9"` is "café". A text with blanks was
    in no URL. A `+` at the end of a word ("c++", "s9+") and a `%` that begins no character ("50%") stay.
    """
    text = text.strip()
    if "\\" in text:
        text = _of_json(text)
    for _ in range(ROUNDS):
        if any(one.isspace() for one in text):
            break
        if _ESCAPED.search(text):
            found = _unescaped(text.replace("+", " "))
            if found is None:
                break
            text = found.strip()
        elif _PLUSES.fullmatch(text):
            return text.replace("+", " ")
        else:
            break
    return text


def query_of(text: str) -> tuple[str, str | None]:
    """The query that a logged text is, normalised, and why it is none; None for one that a person may have typed."""
    plain = decoded(text)
    query = normalise(plain, LONGEST_QUERY)
    if _MACHINE.search(plain):
        return query, MACHINE
    if _ADDRESS.search(plain):
        return query, ADDRESS
    letters = [one for one in query if one.isalnum()]
    if not letters:
        return query, NO_WORDS
    return query, LETTER if len(query) == 1 and query.isascii() and query.isalpha() else None


def _of_json(text: str) -> str:
    """A text without the escapes of JSON; as it is where it has none."""
    if not _JSON_ESCAPE.search(text):
        return text
    quoted = text if len(text) > 1 and text[0] == text[-1] == '"' else f'"{text}"'
    try:
        found = json.loads(quoted)
    except ValueError:
        return text
    return found.encode(errors="ignore").decode().strip() if isinstance(found, str) else text


def _unescaped(text: str) -> str | None:
    """A text without the escapes of a URL; None where they are no UTF-8."""
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        return None
