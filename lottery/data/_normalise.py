"""What images undergo before a network sees them: a module, for whoever uses a trained network outside of a study."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lottery.data import normalised, per_channel
from lottery.errors import LotteryError


class Normalise(nn.Module):
    """The module gives images mean 0 and standard deviation 1 per channel, to the bit as training did."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Take mean and standard deviation per channel, in units of 0..255."""
        super().__init__()
        self.register_buffer("mean", per_channel(mean))
        self.register_buffer("scale", 1 / per_channel(std))

    def forward(self, images: Tensor) -> Tensor:
        """Return images `[..., C, H, W]` as float32: of uint8 in 0..255, or floating-point in 0..1.

        The latter are rounded to 255ths, as `lottery.Dataset.from_tensors` does, unless they require a gradient.

        Raises:
            LotteryError: they are neither, or have other channels; floating-point images in 0..255 would look like
                others.
        """
        channels = len(self.mean)
        if images.dim() < 3 or images.shape[-3] != channels:
            raise LotteryError(
                f"normalise: images are {list(images.shape)}; give [N, {channels}, H, W], as those that were learnt"
            )
        if images.is_floating_point():
            low, high = images.min().item(), images.max().item()
            if not 0 <= low <= high <= 1:
                raise LotteryError(
                    f"normalise: floating-point images have to be in 0..1, and these go from {low:.4g} to {high:.4g}; "
                    "give uint8, or divide by 255"
                )
            images = 255 * images if images.requires_grad else (255 * images).round()
        elif images.dtype != torch.uint8:
            kind = str(images.dtype).removeprefix("torch.")
            raise LotteryError(f"normalise: images are {kind}; give uint8 in 0..255, or floating-point in 0..1")
        return normalised(images, self.mean, self.scale)
