"""The languages of a catalogue, told by its texts.

Each text has a likelihood for each language by py3langid (naive Bayes over byte n-grams, after Lui and Baldwin,
"langid.py: An Off-the-shelf Language Identification Tool", ACL 2012). A title is short, and its brands and numbers are
of no language, so one title alone says little. The shares of the languages are therefore fitted to all texts together,
by the expectation maximisation of Saerens, Latinne and Decaestecker ("Adjusting the Outputs of a Classifier to New a
Priori Probabilities", 2002): what a few titles seem to be by chance vanishes beside what the others are.
Chinese, Japanese and Korean are told by their script.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.config.search import SEGMENTED, SNOWBALL

LEAST_SHARE = 0.05
"""Of the texts; a language with less is not one of the catalogue."""
SAMPLE = 4000
"""Texts that are looked at, evenly over the catalogue."""
LONGEST = 400
"""Characters of a text that are looked at."""
FEWEST = 10
"""Texts that say anything; fewer are too few to tell a language by."""
SHORTEST = 12
"""Letters of the shortest text that says anything."""
ROUNDS = 200
DEFAULT = ("english",)

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3041-\u30ff\uff66-\uff9f]")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_WORDS = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")


class Languages(NamedTuple):
    """The languages of a catalogue."""

    stemmed: tuple[str, ...]
    """Snowball's names, the most frequent first, for `lookup.text.analyzer.Analyzer`."""
    segmented: tuple[str, ...] = ()
    """"chinese", "japanese" and "korean", as far as there are any."""


def declared(names: Sequence[str]) -> Languages:
    """The languages that `[search]` names."""
    once = tuple(dict.fromkeys(names))
    return Languages(
        tuple(name for name in once if name not in SEGMENTED.values()),
        tuple(name for name in once if name in SEGMENTED.values()),
    )


def detect(texts: Sequence[str]) -> Languages:
    """The languages of some texts, titles with descriptions; English where nothing tells of any.

    A language that Snowball does not have, such as Vietnamese, is none of them: its words stay as they are.
    """
    step = max(1, len(texts) // SAMPLE)
    sample = [text[:LONGEST] for text in texts[::step]]
    of_script = [script for script in map(_script, sample) if script]
    least = max(1.0, LEAST_SHARE * len(sample))
    segmented = tuple(name for name in SEGMENTED.values() if of_script.count(name) >= least)
    plain = [" ".join(_WORDS.findall(text)) for text in sample if not _script(text)]
    plain = [text for text in plain if len(text) >= SHORTEST]
    found = shares(plain) if len(plain) >= FEWEST else {}
    of_sample = {name: share * len(plain) / len(sample) for name, share in found.items()}
    stemmed = sorted((name for name, share in of_sample.items() if share >= LEAST_SHARE), key=lambda one: -found[one])
    known = tuple(name for name in stemmed if name in SNOWBALL.values())
    return Languages(known if known or stemmed or segmented else DEFAULT, segmented)


def shares(texts: Sequence[str]) -> dict[str, float]:
    """The share of each language among some texts: Snowball's name, or the code of ISO 639 where it has none."""
    codes, likelihoods = _likelihoods(texts)
    mixture = np.full(len(codes), 1.0 / len(codes))
    for _ in range(ROUNDS):
        joint = likelihoods * mixture
        new = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(new - mixture).max() < 1e-5:
            break
        mixture = new
    found: dict[str, float] = {}
    for code, share in zip(codes, mixture.tolist(), strict=True):
        name = SNOWBALL.get(code, code)
        found[name] = found.get(name, 0.0) + share
    return found


def _likelihoods(texts: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
    """Codes (L,), and the likelihood of each text in each language, float64 (N, L), the rows adding to 1."""
    identifier = _identifier()
    ranked = [dict(identifier.rank(text)) for text in texts]
    codes = sorted(ranked[0])
    return codes, np.array([[one[code] for code in codes] for one in ranked], dtype=np.float64) + 1e-12


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _script(text: str) -> str:
    """The language that the script of a text tells: where a tenth of its letters, or more, are of one."""
    letters = sum(one.isalpha() for one in text)
    kana, han, hangul = (len(pattern.findall(text)) for pattern in (_KANA, _HAN, _HANGUL))
    if max(kana + han, hangul) * 10 < max(letters, 1):
        return ""
    if hangul > kana + han:
        return SEGMENTED["ko"]
    return SEGMENTED["ja"] if kana * 20 >= han else SEGMENTED["zh"]
