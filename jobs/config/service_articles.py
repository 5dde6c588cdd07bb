"""Items that look like no product (postage, fees, discounts, manual entries), and the line that leaves them out.

`daybreak init` and the job `ingest` both ask here, with the figures of the shop's orders.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

SERVICE = re.compile(
    r"postage|postag|post|shipping|shipment|ship|delivery|freight|carriage|courier|handling|porto|versand\w*|fracht\w*|"
    r"liefer(ung|kosten|pauschale|gebühr)\w*|nachnahme|fees?|gebühr(en)?|\w+gebühr(en)?|\w+kosten|charges?|surcharges?|"
    r"wrapping|geschenkverpackung|verpackung|zuschlag|commission|provision|discounts?|rabatt|nachlass|rebate|skonto|vouchers?|gutschein\w*|coupons?|manual|"
    r"manuell\w*|adjust(ment|ed)?s?|korrektur|gutschrift|credit|bank|deposit|pfand|kaution|tip|trinkgeld|donation|spende|"
    r"insurance|versicherung|tax|vat|mwst|steuer|rounding|rundung|samples?|test|misc|diverse[s]?|refunds?|returns?|"
    r"frais|livraison|remise|envio|envío|gastos|descuento|spedizione|sconto|verzend\w*|korting|\w*fee|\w*postage"
)
"""Words of service, a whole word each."""
PLAIN = re.compile(
    r"standard|express|dhl|ups|dpd|fedex|hermes|royal|mail|cost|costs|free|next|day|bad|debt|the|a|of|to|for|and|und|de|"
    r"item|article|artikel|product|order|amazon|dotcom|paypal|flat|rate|pauschale|extra|national|international|eu|uk|"
    r"gift|geschenk|\d+|this|is|entry|debit|card|payment|service"
)
"""Words that may stand beside them in the name of a service."""
FEW, FEW_OF = 3, 0.03
"""A word that more items, and a larger share of them, have in their names is no word of service in this shop."""
ODD = 0.1
"""A form of codes is usual where so large a share of the items has it. A code of another form is unlike the others,
unless it only adds to a usual one; so 85123A is not unlike 84029."""
OFTEN, VERY_OFTEN = 0.03, 0.15
"""Shares of the baskets."""
UNSTABLE = 3.0
"""A high price of an item, its 9th decile, over a low one, its first, for a price that is not stable."""
SALES = 5
"""From so many on the prices of an item tell something."""
LEAST_BASKETS = 20
"""Fewer baskets tell nothing of shares."""
MOST = 50
"""Suspects that are named."""


@dataclass(frozen=True)
class Suspect:
    """An item that looks like no product."""

    item_id: str
    title: str | None
    reasons: tuple[str, ...]
    """What makes it one, in words."""
    clear: bool
    """Whether the reasons suffice to leave the item out without asking."""

    def __str__(self) -> str:
        return f"{self.item_id} ({self.title or 'without a title'}): {', '.join(self.reasons)}"


def find_suspects(items: pl.DataFrame, baskets: int) -> list[Suspect]:
    """The items that look like no product, the clear ones first, then those in most baskets; at most MOST.

    items: item_id, title (may be null), baskets (how many have it), low and high (the first and the ninth decile of its
    price, null where unknown). baskets: how many there are.
    """
    if items.is_empty():
        return []
    facts = items.with_columns(
        (pl.col("baskets") / max(baskets, 1)).alias("share"),
        pl.when(pl.col("baskets") >= SALES).then(pl.col("high") / pl.col("low").clip(0.01)).alias("spread"),
    )
    odd = _odd_codes(items["item_id"])
    middle = facts["spread"].drop_nulls().median()
    unstable = max(UNSTABLE, 2 * float(middle)) if isinstance(middle, float) else UNSTABLE
    rows = facts.sort("baskets", "item_id", descending=[True, False]).to_dicts()
    named = [_words(row["title"] or row["item_id"]) for row in rows]
    often = Counter(word for words in named for word in set(words) if SERVICE.fullmatch(word))
    mine = {word for word, times in often.items() if times <= max(FEW, FEW_OF * len(rows))}
    told = []
    for row, words in zip(rows, named, strict=True):
        found = [word for word in words if word in mine]
        whole = bool(found) and all(word in mine or PLAIN.fullmatch(word) for word in words)
        share = row["share"] if baskets >= LEAST_BASKETS else 0.0
        loose = row["spread"] is not None and row["spread"] >= unstable
        suspect = _judge(row, share=share, loose=loose, unlike=row["item_id"] in odd, words=found, whole=whole)
        told += [suspect] if suspect else []
    return sorted(told, key=lambda one: not one.clear)[:MOST]


def _odd_codes(codes: pl.Series) -> set[str]:
    """The codes that are unlike the others; none where the codes have no usual forms."""
    digits = codes.str.replace_all(r"\p{N}+", "9")
    letters = r"\p{L}+"
    begun = digits.str.extract(r"^(\p{L}*)")  # such as SKU, kept as it is where most codes begin so
    rest = digits.str.replace(f"^{letters}", "").str.replace_all(letters, "A")
    for forms in (begun + rest, digits.str.replace_all(letters, "A")):
        times = Counter(forms)
        usual = tuple(form for form, count in times.items() if count >= ODD * len(codes))
        if sum(times[form] for form in usual) >= (1 - 2 * ODD) * len(codes):
            return {code for code, form in zip(codes, forms, strict=True) if not form.startswith(usual)}
    return set()


def _judge(
    row: dict[str, Any], *, share: float, loose: bool, unlike: bool, words: list[str], whole: bool
) -> Suspect | None:
    """The verdict on one item.

    share: of the baskets. loose: its price is not stable. unlike: its code is unlike the others. words: of service, in
    its name. whole: it has no other words but plain ones.
    """
    reasons = [
        *([f"in {share:.0%} of the baskets"] if share >= OFTEN else []),
        *([f"its price goes from {row['low']:g} to {row['high']:g}"] if loose else []),
        *(["its code is unlike the others"] if unlike else []),
        *([f"it is called {' '.join(words)!r}"] if words else []),
    ]
    clear = (
        whole
        or (unlike and (bool(words) or loose or share >= VERY_OFTEN))
        or (bool(words) and loose and share >= OFTEN)
    )
    doubtful = (words and loose) or (share >= OFTEN and (words or unlike)) or (share >= VERY_OFTEN and loose)
    if not clear and not doubtful:
        return None
    return Suspect(row["item_id"], row["title"], tuple(reasons), clear)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def quoted(column: str) -> str:
    """A column's name within a Spark SQL expression."""
    return column if re.fullmatch(r"[A-Za-z_]\w*", column, re.ASCII) else f"`{column.replace('`', '``')}`"


def exclusion(column: str, ids: Iterable[str], also: str | None = None) -> str:
    """The condition for `where` that leaves out these items, in Spark SQL.

    column: the item id's column, or an expression. also: a condition that holds already.
    """
    listed = ", ".join("'" + one.replace("\\", "\\\\").replace("'", "\\'") + "'" for one in sorted(ids))
    mine = f"trim({column}) NOT IN ({listed})"
    return f"({also}) AND {mine}" if also else mine
