"""Tensors, arrays and lists of numbers are made into what a data set holds, or it is said why they can't be."""

import numpy as np
import torch
from torch import Tensor

from lottery.errors import LotteryError
from lottery.store.parts import SIDE


def as_images(given: object, split: str) -> Tensor:
    """Return images as uint8 `[N, C, H, W]`; raise LotteryError where they are none, which names their split."""
    images = _tensor(given, f"{split} images")
    if images.dim() == 3:
        images = images.unsqueeze(1)
    if images.dim() != 4 or not images.numel():
        raise LotteryError(f"data: {split} images are {list(images.shape)}; they have to be [N, C, H, W], or [N, H, W]")
    if max(images.shape[1:]) > SIDE:
        raise LotteryError(
            f"data: {split} images are {list(images.shape)}; they may have {SIDE:,} channels and pixels a side"
        )
    if images.shape[3] in (1, 3, 4) and images.shape[1] not in (1, 3, 4):
        raise LotteryError(
            f"data: {split} images are {list(images.shape)}, channels last; give images.permute(0, 3, 1, 2)"
        )
    if images.dtype == torch.uint8:
        return images.contiguous()
    if images.is_complex():
        raise LotteryError(f"data: {split} images are of complex numbers; give whole ones in 0..255")
    low, high = images.min().item(), images.max().item()
    if images.is_floating_point():
        if not 0 <= low <= high <= 1:  # nor where one isn't a number
            raise LotteryError(
                f"data: {split} images have numbers from {low:.4g} to {high:.4g}; give floating-point ones in 0..1, or "
                "whole ones in 0..255, not normalised: lottery does that"
            )
        if 0 < 255 * high <= 1:  # of images that were divided by 255 twice, say
            raise LotteryError(
                f"data: {split} images have numbers from {low:.4g} to {high:.4g}, and as whole ones in 0..255 next to "
                "nothing is left of them; floating-point ones are taken to be in 0..1: scale them to that"
            )
        return (255 * images.float()).round().to(torch.uint8).contiguous()
    if images.dtype == torch.bool:
        return (255 * images.to(torch.uint8)).contiguous()
    if not 0 <= low <= high <= 255:
        raise LotteryError(f"data: {split} images have numbers from {low} to {high}; give whole ones in 0..255")
    return images.to(torch.uint8).contiguous()


def as_labels(given: object, split: str) -> Tensor:
    """Return labels as int64 `[N]`; raise LotteryError where they are none, which names their split."""
    labels = _tensor(given, f"{split} labels")
    if labels.dim() != 1 or labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        kind = str(labels.dtype).removeprefix("torch.")
        raise LotteryError(f"data: {split} labels are {kind} {list(labels.shape)}; give a whole number for each image")
    if labels.numel() and labels.min() < 0:
        raise LotteryError(f"data: {split} labels go down to {int(labels.min())}; number classes from 0 on")
    return labels.long().contiguous()


def _tensor(given: object, what: str) -> Tensor:
    """Return a tensor, an array or numbers in lists as a tensor on the CPU that nobody else changes."""
    try:
        if not isinstance(given, Tensor):
            array = np.asarray(given)
            given = torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
        found = given.detach().cpu()
        found = found if found.layout == torch.strided else found.to_dense()
        # Of what torch can neither compare nor search.
        if found.dtype in (torch.uint16, torch.uint32, torch.uint64):
            return found.to(torch.int64)
        return found.float() if found.is_floating_point() and found.element_size() == 1 else found.clone()
    except (TypeError, ValueError, RuntimeError) as error:
        why = f" ({str(error).partition(chr(10))[0][:80]})" if isinstance(given, Tensor) else ""
        raise LotteryError(
            f"data: {what} are of type {type(given).__name__}{why}; give a tensor or an array"
        ) from error
