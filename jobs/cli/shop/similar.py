"""The command `daybreak similar`."""

import sys
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Count, Json, Variants, load
from jobs.cli.shop.hits import show_hits
from jobs.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jobs.config.config import Config


class By(Enum):
    """What tells that items are similar."""

    LOOK = "look"
    TEXT = "text"
    BEHAVIOUR = "behaviour"


def similar(
    item: Annotated[str | None, typer.Argument(metavar="[ITEM]", help="The id of the item.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    k: Count = 10,
    *,
    by: Annotated[
        By | None, typer.Option(help="What tells that items are similar: look, text or behaviour; by default all.")
    ] = None,
    words: Annotated[
        str | None, typer.Option(help="Instead of an item, what its picture shows; a model like CLIP understands it.")
    ] = None,
    variants: Variants = False,
    json: Json = False,
) -> None:
    """Show which items are like an item, as `shop.similar` answers in a backend, or look as words say."""
    import lookup

    if (item is None) == (words is None):
        raise ConfigError("one of ITEM and --words is expected")
    settings = load(config)
    shop = lookup.open(settings.releases)
    try:
        if words is not None:
            hits = shop.looks_like(_vector(words, settings), k=k, variants=variants)
        else:
            if shop.item(str(item)) is None:
                print(f"daybreak: no item {item!r} in release {shop.release.id}: popular items", file=sys.stderr)
            hits = shop.similar(str(item), k=k, by=by and by.value, variants=variants)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    show_hits(shop, hits, json)


def _vector(words: str, config: "Config") -> "NDArray[np.float32]":
    """What the vision model of the nights makes of words. Raises ConfigError where it reads pictures alone."""
    from jobs.models.content.picture_encoder import PictureEncoder, located

    options = config.images
    encoder = PictureEncoder(located(options.model, config.base), precision=options.precision, pickles=options.pickles)
    found: NDArray[np.float32] = encoder.encode_texts([words])[0]
    return found
