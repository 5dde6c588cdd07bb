"""Numbers with units, in one spelling: "1 TB", "1tb" and "1000 gb" are all `1000gb`."""

# ruff: noqa: RUF001 – Cyrillic units look like Latin letters.
import re
from fractions import Fraction

_FACTORS: dict[str, dict[str, tuple[Fraction | int, str]]] = {
    "gb": {"gb": (1, "gigabyte gigabytes гб"), "tb": (1000, "terabyte terabytes тб")},
    "mb": {"mb": (1, "megabyte megabytes мб")},
    "mm": {
        "mm": (1, "millimeter millimeters millimetre millimetres мм"),
        "cm": (10, "centimeter centimeters centimetre centimetres см"),
        "m": (1000, "meter meters metre metres м"),
    },
    "in": {"in": (1, "inch inches zoll pouces ''"), "ft": (12, "foot feet"), "yd": (36, "yard yards")},
    "g": {"g": (1, "gram grams gramm gr г"), "kg": (1000, "kilo kilos kilogram kilograms kgs кг")},
    "mg": {"mg": (1, "milligram milligrams мг")},
    "ml": {
        "ml": (1, "milliliter milliliters millilitre millilitres мл"),
        "cl": (10, "centiliter centiliters"),
        "l": (1000, "liter liters litre litres ltr л"),
    },
    "oz": {"oz": (1, "ounce ounces"), "lb": (16, "lbs pound pounds")},
    "floz": {"floz": (1, "")},
    "gal": {"gal": (1, "gallon gallons")},
    "qt": {"qt": (1, "quart quarts")},
    "w": {"w": (1, "watt watts вт"), "kw": (1000, "kilowatt kilowatts квт")},
    "wh": {"wh": (1, ""), "kwh": (1000, "")},
    "v": {"v": (1, "volt volts"), "kv": (1000, "")},
    "mah": {"mah": (1, "мач"), "ah": (1000, "")},
    "hz": {"hz": (1, "hertz гц"), "khz": (1000, "")},
    "mhz": {"mhz": (1, "мгц"), "ghz": (1000, "ггц")},
    "mp": {"mp": (1, "megapixel megapixels mpx мп")},
    "mbps": {"mbps": (1, ""), "gbps": (1000, "")},
    "lm": {"lm": (1, "lumen lumens")},
    "db": {"db": (1, "")},
    "dpi": {"dpi": (1, "")},
    "psi": {"psi": (1, "")},
    "rpm": {"rpm": (1, "")},
    "btu": {"btu": (1, "btus")},
    "px": {"px": (1, "pixel pixels")},
    "pack": {"pack": (1, "packs pk pck")},
    "ct": {"ct": (1, "count pcs pc piece pieces шт")},
    "%": {"%": (1, "percent")},
}
"""For each canonical unit the units that are multiples of it, each with its factor and its other names.

Powers of 1000 for bytes, as on a box in a shop. Inches are no multiples of millimetres here: 27 inches are never
exactly the centimetres that a shop writes.
"""
_KNOWN: dict[str, tuple[str, Fraction]] = {
    name: (canonical, Fraction(factor))
    for canonical, units in _FACTORS.items()
    for unit, (factor, others) in units.items()
    for name in (unit, *others.split())
}
_KNOWN['"'] = _KNOWN["in"]
_KNOWN["'"] = _KNOWN["ft"]
UNITS: tuple[str, ...] = tuple(sorted(_KNOWN, key=lambda name: (-len(name), name)))
"""Every name of a unit, as normalised text has it, the longest first."""
_NUMBER = re.compile(r"(?:([0-9]+)[ -])?([0-9]+)/([0-9]+)|([0-9]*\.?[0-9]+)")
COUNTED = frozenset({"mah", "lm", "w", "rpm", "btu", "px", "dpi", "pack", "ct"})
"""Units whose amounts have no three digits after a point: "10.000 mAh" is ten thousand, as in German."""
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+")
LONGEST_NUMBER = 15
"""Digits of the longest number that is read as one."""


def number(text: str, unit: str | None = None) -> Fraction | None:
    """The value of a normalised number: "1 1/2", "3/4", "7.1", "7,1", "1,000", ".5"; None where it is none.

    unit: of UNITS, where one follows the number.
    """
    if len(text) > LONGEST_NUMBER:
        return None
    if unit is not None and _THOUSANDS.fullmatch(text):
        name, factor = _KNOWN.get(unit, ("", 0))
        if name in COUNTED and factor == 1:
            text = text.replace(".", "")
    if "," in text:
        whole = re.fullmatch(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", text)
        text = text.replace(",", "") if whole else text.replace(",", ".")
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    if found[4] is not None:
        return Fraction(found[4])
    return Fraction(found[1] or 0) + Fraction(int(found[2]), int(found[3])) if int(found[3]) else None


def written(value: Fraction) -> str:
    """The one spelling of a value: its digits without needless zeros, at most six after the point."""
    text = f"{float(value):.6f}"
    return text.rstrip("0").rstrip(".") or "0"


def canonical(value: Fraction, unit: str) -> str:
    """The canonical term of a value with a unit: `canonical(Fraction(1), "tb")` is "1000gb". unit: one of UNITS."""
    name, factor = _KNOWN[unit]
    return written(value * factor) + name
