"""Types for the fields of the configuration: each names its bounds, and its errors say what is expected.

An error of these types has the type EXPECTED and the expectation as its message; `jobs.config.toml` adds file, key and
value.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import custom_error_schema

from lookup.errors import StoreError
from lookup.travel.address import FORM, checked_url

EXPECTED = "expected"
WORK_URL = re.compile(
    r"(?!file:|https?:|s3:|package:)[a-z][a-z0-9+.-]*://(?=.)(?:[^\s?#@:/*{}\[\]]+(?:@[^\s?#@:/*{}\[\]]+)?(?::\d+)?)?"
    r"(?:/[^\s?#@:\\*{}\[\]]*)?",
    re.IGNORECASE,
)
"""A URL of a file system of Hadoop, in which nothing can be a secret: no user with a password, no query."""
TABLE = ConfigDict(extra="forbid", validate_default=True, validate_by_name=True, validate_by_alias=True)
"""How a table of the configuration is read: unknown keys are errors, and the checks between fields see defaults too."""


class Expected:
    """Annotates a type with the words that its errors use. what: such as "a path, or a list of paths"."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return custom_error_schema(handler(source), custom_error_type=EXPECTED, custom_error_message=self.what)


class Within:
    """Annotates a number with its bounds. NaN, infinity, true, false and text are no numbers; 3 is a float too.

    low, high: the bounds. above, below: whether the value must be more than `low`, less than `high`. noun: what the
    number is, for messages.
    """

    def __init__(self, low: int, high: int, *, above: bool = False, below: bool = False, noun: str = "") -> None:
        self.low, self.high, self.above, self.below, self.noun = low, high, above, below, noun

    def what(self, whole: bool) -> str:
        """The bounds in words. whole: the number is an int."""
        noun = self.noun or ("a whole number" if whole else "a number")
        low, high = f"{self.low:,}", f"{self.high:,}"
        if self.above:
            return f"{noun} between {low} and {high}" if self.below else f"{noun} more than {low} and at most {high}"
        return f"{noun} from {low} to less than {high}" if self.below else f"{noun} from {low} to {high}"

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        bounds = {"gt" if self.above else "ge": self.low, "lt" if self.below else "le": self.high}
        schema: Any = {**handler(source), "strict": True, **bounds}
        if source is float:
            schema["allow_inf_nan"] = False
        return custom_error_schema(
            schema, custom_error_type=EXPECTED, custom_error_message=self.what(whole=source is int)
        )


def _store(url: str) -> str:
    try:
        return checked_url(url)
    except StoreError:
        raise ValueError from None


def _work(where: str) -> str:
    if "://" in where and (WORK_URL.fullmatch(where) is None or "/../" in f"{where}/"):
        raise ValueError
    scheme, mark, rest = where.partition("://")
    return f"{scheme.lower()}{mark}{rest.rstrip('/')}" if mark else where


Truth = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(min_length=1, pattern=r"\A[^\x00]*\z")]
Texts = Annotated[list[Text], Field(min_length=1)]
Files = Annotated[Text | Texts, Expected("a path, or a list of paths")]
Store = Annotated[Text, AfterValidator(_store), Expected(f"{FORM}, without keys and passwords")]
Work = Annotated[
    Text,
    AfterValidator(_work),
    Expected(
        "a path, or a URL of Hadoop (s3a://bucket/folder, gs://…, abfss://container@account/…, hdfs://…, viewfs://…) "
        "without keys and passwords, which stand in the environment"
    ),
]
Columns = Annotated[Text | Texts, Expected("a column or an expression, or a list of them")]
Share = Annotated[float, Within(0, 1, noun="a share")]
Dropout = Annotated[float, Within(0, 1, below=True, noun="a share")]
Weight = Annotated[float, Within(0, 1_000_000)]
Positive = Annotated[float, Within(0, 1_000_000, above=True)]
Rate = Annotated[float, Within(0, 1, above=True)]
Days = Annotated[int, Within(1, 36_500, noun="whole days")]
Duration = Annotated[float, Within(0, 36_500, above=True, noun="days")]
Count = Annotated[int, Within(1, 1_000_000_000)]
Length = Annotated[int, Within(1, 100_000)]
Dimensions = Annotated[int, Within(1, 4096)]
Seed = Annotated[int, Within(0, 2**32 - 1)]
