"""Stems: one a word, whatever the language of a text."""

import sys
from threading import Thread

import pytest

from lookup.text import stems
from lookup.text.stems import available, stemmer


def test_words_of_one_stem_are_one() -> None:
    stem = stemmer(("english",))
    assert stem("speakers") == stem("speaker")
    assert stem("batteries") == stem("battery")
    assert stem("ss") == "ss"


def test_of_several_languages_one_follows_the_other() -> None:
    stem = stemmer(("english", "german", "russian"))
    assert stem("lamps") == stem("lamp") == stem("lampen")
    assert stem("speakers") == stem("speaker")  # English makes "speaker" of it, which German changes again
    assert stem("лампы") == stem("лампа")


def test_every_language_of_snowball_is_there_and_another_one_is_refused() -> None:
    assert len(available()) >= 30
    for name in available():
        assert stemmer((name,))("running")
    with pytest.raises(ValueError, match="no stemmer for klingon; there are arabic, "):
        stemmer(("english", "klingon"))


def test_without_the_package_a_word_is_its_own_stem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snowballstemmer", None)
    assert available() == ()
    assert stemmer.__wrapped__(("english",))("speakers") == "speakers"


def test_the_memory_of_stems_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stems, "CACHED", 10)
    made = stems._Stems(["english"])
    for number in range(100):
        assert made[f"word{number}s"]
        assert len(made) <= 10


def test_threads_stem_as_one_does() -> None:
    """A stemmer keeps state while it works."""
    words = [f"{begin}{end}" for begin in ("nation", "relat", "general") for end in ("alization", "ional", "izes")] * 50
    alone = [stems._Stems(["english", "german"])[word] for word in words]
    shared = stems._Stems(["english", "german"])
    wrong: list[str] = []

    def work() -> None:
        wrong.extend(word for word, stem in zip(words, alone, strict=True) if shared.__missing__(word) != stem)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
