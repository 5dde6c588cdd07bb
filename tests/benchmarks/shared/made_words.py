"""Words, titles and queries of a made shop, with the frequencies of a real one, and slips in them."""

import random
from collections.abc import Sequence

_ONSETS = (
    "b",
    "br",
    "c",
    "ch",
    "d",
    "f",
    "g",
    "gl",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
)
_CORES = ("a", "e", "i", "o", "u", "ea", "oo", "ai")
_CODAS = ("", "", "n", "r", "l", "t", "ck", "m", "st", "x")


def vocabulary(rng: random.Random, n: int) -> list[str]:
    """n different words of one to four syllables."""
    words: dict[str, None] = {}
    while len(words) < n:
        syllables = rng.choices((1, 2, 3, 4), weights=(1, 5, 5, 2))[0]
        word = "".join(rng.choice(_ONSETS) + rng.choice(_CORES) + rng.choice(_CODAS) for _ in range(syllables))
        if len(word) > 2:
            words[word] = None
    return list(words)


def texts(rng: random.Random, words: Sequence[str], n: int, lengths: tuple[int, int]) -> list[str]:
    """n texts of so many words; the word of rank r stands there as often as 1/(r + 10) says (Zipf and Mandelbrot)."""
    weights = [1 / (rank + 10) for rank in range(len(words))]
    sizes = [rng.randint(*lengths) for _ in range(n)]
    drawn = iter(rng.choices(words, weights, k=sum(sizes)))
    return [" ".join([next(drawn) for _ in range(size)]) for size in sizes]


def misspelt(rng: random.Random, word: str) -> str:
    """A word with one letter added, dropped, replaced or swapped with its neighbour, but for the first one."""
    at = rng.randrange(1, len(word))
    other = rng.choice("abcdefghijklmnopqrstuvwxyz")
    return rng.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + other + word[at:],
            word[:at] + other + word[at + 1 :],
            word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :],
        )
    )
