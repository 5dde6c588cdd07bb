"""The compiled library is there, so that its tests are not passed over unseen, and what is no library is none."""

import shutil

import numpy as np
import pytest

from jobs.infra.compiled import library


def test_it_is_built_where_it_can_be():
    assert library.library() is not None or not (shutil.which("c++") or shutil.which("g++"))


@pytest.mark.parametrize("content", [None, b"", b"no library"])
def test_one_that_is_missing_or_damaged_is_none(monkeypatch, tmp_path, content):
    monkeypatch.setattr(library, "__file__", str(tmp_path / "library.py"))
    if content is not None:
        (tmp_path / "_library.so").write_bytes(content)
    library.library.cache_clear()
    try:
        assert library.library() is None
    finally:
        library.library.cache_clear()


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(3), np.zeros(2, dtype=np.float32), np.zeros((3, 1), dtype=np.float32), np.zeros(6, np.float32)[::2]],
)
def test_an_array_of_another_form_is_refused(wrong):
    with pytest.raises(TypeError, match="compiled code takes float32 of shape"):
        library.address(wrong, np.float32, (3,))
    assert library.address(None, np.float32, (3,)) is None
