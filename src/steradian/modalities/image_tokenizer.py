"""Pixels to tokens: a small convolutional stem, and what changes pictures in training."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.data.modality import Tokens
from steradian.modalities.pictures import STRIDE

__all__ = ["ImageTokenizer"]


class ImageTokenizer(nn.Module):
    """Three convolutions of stride 2, then a token for each of the remaining places.

    Convolutions before the transformer make small ones easier to train (Xiao et al. 2021, arXiv 2106.14881). Each of
    the last two is followed by a residual block, which costs little where few places are left.
    In training the picture is moved and scaled a little, so that the patch borders carry no meaning.

    Args:
        size: pixels a side.
        width: length of a token.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        channels = [3, max(width // 4, 8), max(width // 2, 8), width]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(1, after), nn.GELU()]
            if before > 3:
                layers.append(ResidualConvolution(after))
        self.stem = nn.Sequential(*layers)
        self.place = nn.Parameter(torch.randn((size // STRIDE) ** 2, width) * 0.02)

    def forward(self, pixels: Tensor) -> Tokens:
        """Tokens [items, patches, width] of pixels uint8 [items, size, size, 3]."""
        picture = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        if self.training and len(picture):
            # Places in the picture must not be rounded to bfloat16.
            with torch.autocast(picture.device.type, enabled=False):
                picture = _jitter(picture)
        return Tokens(self.stem(picture).flatten(2).transpose(1, 2) + self.place)


class ResidualConvolution(nn.Module):
    """A 3 x 3 convolution and a mixing of channels, added to what comes in.

    Args:
        channels: in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.GroupNorm(1, channels),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(channels, channels, 1),
        )

    def forward(self, values: Tensor) -> Tensor:
        """Values [items, channels, height, width], changed a little."""
        changed: Tensor = values + self.change(values)
        return changed


def _jitter(picture: Tensor) -> Tensor:
    """Each picture [items, 3, size, size] turned, scaled, moved and recoloured by its own draw.

    By up to 0.2 radians, 20% of its scale, 10% of its side, 30% of each channel's contrast and brightness, and up to
    60% of the way to grey: what a change of camera or artist does, and no more, so that the class stays.
    """
    draw = torch.rand(len(picture), 4, device=picture.device) * 2 - 1
    scale, angle = 1 + 0.2 * draw[:, 0], 0.2 * draw[:, 1]
    matrix = picture.new_zeros(len(picture), 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = scale * angle.cos()
    matrix[:, 1, 0] = scale * angle.sin()
    matrix[:, 0, 1] = -matrix[:, 1, 0]
    matrix[:, :, 2] = 0.2 * draw[:, 2:]
    size = picture.shape[-1]
    # The middles of pixels, from -1 to 1 between the borders: `affine_grid` in a tenth of its time.
    middles = (torch.arange(size, device=picture.device) * 2 + 1) / size - 1
    places = torch.stack([middles.repeat(size), middles.repeat_interleave(size), torch.ones_like(middles).repeat(size)])
    grid = (matrix.flatten(0, 1) @ places).view(-1, 2, size, size).permute(0, 2, 3, 1)
    moved = F.grid_sample(picture, grid, padding_mode="border", align_corners=False)
    contrast, brightness = 0.3 * (torch.rand(2, len(picture), 3, 1, device=picture.device) * 2 - 1)
    grey = 0.6 * torch.rand(len(picture), 1, 1, device=picture.device)
    # One product for all of it, and channels side by side, which convolutions take faster.
    mix = torch.lerp(torch.eye(3, device=picture.device), grey.new_full((1, 1, 1), 1 / 3), grey)
    recoloured = torch.baddbmm(mix @ brightness, mix * (1 + contrast).mT, moved.flatten(2)).view_as(moved)
    return recoloured.contiguous(memory_format=torch.channels_last)
