"""The words for prices, by language: one table that `prices` reads and that the dictionary of the night knows.

All words are normalised: "über" stands as "uber". `strong` words make a price of a bare number ("under 50"); after weak
ones ("up to 12 years") it needs a currency.
"""

from typing import NamedTuple


class PriceWords(NamedTuple):
    """The words of one language. Several words stand as one text."""

    under: tuple[str, ...]
    under_weak: tuple[str, ...]
    over: tuple[str, ...]
    over_weak: tuple[str, ...]
    around: tuple[str, ...]
    or_less: tuple[str, ...]
    """What stands after an amount with a currency, and makes it the highest."""
    or_more: tuple[str, ...]
    between: tuple[tuple[str, str], ...]
    """What stands before the first number, and between the two, where the two need no currency."""
    to: tuple[tuple[str, str], ...]
    """The same for those that do."""
    currency: dict[str, str]
    """A word for a currency → its code, or empty where it is that of the shop."""
    people: tuple[str, ...]
    """Whose age a number is: "vitamins for women over 50"."""
    counted: tuple[str, ...]
    """What a number may count, so that it is no price: "over 1000 pieces"."""
    no_price: tuple[str, ...]
    """What an amount names rather than limits: "50 dollar gift card"."""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENGLISH = PriceWords(
    under=("under", "below", "less than", "cheaper than", "no more than", "not more than", "lower than"),
    under_weak=("up to", "at most", "max", "max.", "maximum", "within", "for less than", "for under"),
    over=("over", "above", "more than", "no less than", "higher than"),
    over_weak=("at least", "from", "starting at", "min", "min.", "minimum"),
    around=("around", "about", "roughly", "approximately", "approx", "circa"),
    or_less=("or less", "and under", "or under", "and below", "or below", "max", "maximum", "tops"),
    or_more=("and up", "or more", "and above", "and over", "or above", "+"),
    between=(("between", "and"), ("between", "to"), ("between", "-")),
    to=(("from", "to"), ("from", "-"), ("", "to"), ("", "-")),
    currency={
        **dict.fromkeys(("dollar", "dollars", "usd", "us dollars"), "USD"),
        **dict.fromkeys(("euro", "euros", "eur"), "EUR"),
        **dict.fromkeys(("gbp", "quid"), "GBP"),
        **dict.fromkeys(("yen", "jpy"), "JPY"),
        **dict.fromkeys(("rupees", "inr"), "INR"),
        **dict.fromkeys(("chf", "francs"), "CHF"),
        **dict.fromkeys(("bucks", "buck"), ""),
    },
    people=_listed(
        "age aged ages women woman men man kids kid children child boys girls boy girl adults seniors people toddlers"
        " babies ladies anyone those players"
    ),
    counted=_listed(
        "piece pieces pc pcs pack packs count ct year years yr yrs month months day days hour hours minute minutes page"
        " pages thread player players people person persons percent star stars reviews rows row set sets bit bits core"
        " week weeks sq square cubic cu mile miles mph km degrees calories carbs amp amps cfm hp ton tons acres proof"
        " cores key keys port ports speed gauge grit way size sizes feet foot pounds pound"
    ),
    no_price=(
        "gift",
        "giftcard",
        "card",
        "cards",
        "voucher",
        "vouchers",
        "bill",
        "bills",
        "coin",
        "coins",
        "note",
        "notes",
    ),
)
GERMAN = PriceWords(
    under=("unter", "weniger als", "gunstiger als", "billiger als", "nicht mehr als"),
    under_weak=("bis", "bis zu", "max", "max.", "maximal", "hochstens"),
    over=("uber", "mehr als", "teurer als"),
    over_weak=("ab", "mindestens", "min.", "von"),
    around=("um", "etwa", "ungefahr", "ca", "ca.", "rund", "circa"),
    or_less=("oder weniger", "maximal", "hochstens", "max"),
    or_more=("oder mehr", "und mehr", "aufwarts", "+"),
    between=(("zwischen", "und"), ("zwischen", "-")),
    to=(("von", "bis"), ("", "bis"), ("", "-")),
    currency={**dict.fromkeys(("euro", "euros", "eur"), "EUR"), **dict.fromkeys(("franken", "chf", "sfr"), "CHF")},
    people=("alter", "frauen", "manner", "herren", "damen", "kinder", "jungen", "madchen", "senioren", "personen"),
    counted=_listed(
        "teile teilig stuck stk jahre jahren jahr monate monaten tage tagen stunden minuten seiten spieler personen"
        " prozent sterne zoll pack"
    ),
    no_price=("gutschein", "geschenkkarte", "schein", "munze"),
)
FRENCH = PriceWords(
    under=("moins de", "moins cher que", "en dessous de", "inferieur a", "pas plus de"),
    under_weak=("jusqu'a", "jusqua", "max", "max.", "maximum", "au plus", "sous"),
    over=("plus de", "au dessus de", "au-dessus de", "superieur a"),
    over_weak=("a partir de", "au moins", "min.", "minimum", "des"),
    around=("environ", "autour de", "vers"),
    or_less=("ou moins", "maximum", "max"),
    or_more=("ou plus", "et plus", "minimum", "+"),
    between=(("entre", "et"), ("entre", "-")),
    to=(("de", "a"), ("", "a"), ("", "-")),
    currency={**dict.fromkeys(("euro", "euros", "eur"), "EUR"), **dict.fromkeys(("francs", "chf"), "CHF")},
    people=("age", "femmes", "femme", "hommes", "homme", "enfants", "enfant", "garcons", "filles", "adultes"),
    counted=_listed(
        "pieces piece ans an mois jours heures minutes pages joueurs personnes pourcent etoiles pouces lot lots"
    ),
    no_price=("carte", "cadeau", "bon", "billet", "piece"),
)
SPANISH = PriceWords(
    under=("menos de", "por debajo de", "mas barato que", "inferior a", "no mas de"),
    under_weak=("hasta", "max", "max.", "maximo", "como mucho"),
    over=("mas de", "por encima de", "superior a"),
    over_weak=("desde", "al menos", "minimo", "a partir de"),
    around=("alrededor de", "sobre", "unos", "aproximadamente"),
    or_less=("o menos", "maximo", "max"),
    or_more=("o mas", "minimo", "+"),
    between=(("entre", "y"), ("entre", "-")),
    to=(("de", "a"), ("desde", "hasta"), ("", "a"), ("", "-")),
    currency={
        **dict.fromkeys(("euro", "euros", "eur"), "EUR"),
        **dict.fromkeys(("dolar", "dolares"), "USD"),
        **dict.fromkeys(("pesos", "peso"), ""),
    },
    people=("edad", "mujeres", "mujer", "hombres", "hombre", "ninos", "ninas", "adultos", "personas"),
    counted=_listed(
        "piezas pieza anos ano meses dias horas minutos paginas jugadores personas estrellas pulgadas unidades pack"
    ),
    no_price=("tarjeta", "regalo", "vale", "billete", "moneda"),
)
LANGUAGES = {"english": ENGLISH, "german": GERMAN, "french": FRENCH, "spanish": SPANISH}
"""By the names of the stemmers. A language without words has those of symbols and English."""

SIGNS = {"$": "USD", "us$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "zł": "PLN", "zl": "PLN"}
"""Signs of currencies, normalised."""


def spoken(languages: tuple[str, ...]) -> tuple[PriceWords, ...]:
    """The words of the languages that are known; English where none is."""
    return tuple(LANGUAGES[one] for one in languages if one in LANGUAGES) or (ENGLISH,)


def words(languages: tuple[str, ...]) -> set[str]:
    """Every single word of prices in these languages, which a dictionary must know."""
    found: set[str] = set()
    for one in spoken(languages):
        phrases = (*one.under, *one.under_weak, *one.over, *one.over_weak, *one.around, *one.or_less, *one.or_more)
        phrases += (*one.currency, *one.counted)
        both = [text for pair in (*one.between, *one.to) for text in pair]
        found.update(word for text in (*phrases, *both) for word in text.split() if word.isalpha())
    return found
