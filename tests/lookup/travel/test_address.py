"""The URL of a store: what is one, and that no message shows what may be a secret."""

import subprocess
import sys

import pytest

from lookup.errors import StoreError
from lookup.travel.address import checked_url


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("s3://shop/releases/", "s3://shop/releases"),
        (" S3://my.bucket-1 ", "s3://my.bucket-1"),
        ("s3a://shop/a/b", "s3a://shop/a/b"),
        ("gs://shop", "gs://shop"),
        ("az://container/x", "az://container/x"),
        ("abfss://container@account.dfs.core.windows.net/x", "abfss://container@account.dfs.core.windows.net/x"),
        ("file:///var/lib/shop", "file:///var/lib/shop"),
    ],
)
def test_urls(given: str, url: str) -> None:
    assert checked_url(given) == url


SECRET = "hush-secret-9"
"""In every text below."""


@pytest.mark.parametrize(
    "given",
    [
        f"s3://key:{SECRET}@shop/releases",
        f"s3://{SECRET}@shop/releases",
        f"s3://shop/releases?X-Amz-Signature={SECRET}",
        f"s3://shop/releases#{SECRET}",
        f"az://shop/x?sv=2024&sig={SECRET}",
        f"abfss://container:{SECRET}@account/x",
        f"s3:/key:{SECRET}@shop",
        f"S3://Key:{SECRET}@shop",
        f"https://{SECRET}.example/x",
        f"{SECRET}",
        f"s3://sh op/{SECRET}",
        f"s3://shop/../{SECRET}",
    ],
)
def test_a_secret_in_a_url_is_refused_and_never_shown(given: str) -> None:
    with pytest.raises(StoreError, match="stand in the environment") as refused:
        checked_url(given)
    assert SECRET not in str(refused.value)


def test_the_command_shows_no_secret_either() -> None:
    command = [sys.executable, "-m", "lookup.travel", f"s3://key:{SECRET}@shop/releases", "/nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert SECRET not in done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
