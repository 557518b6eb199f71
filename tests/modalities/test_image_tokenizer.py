"""The tokens of a picture, and what changes pictures in training."""

import numpy as np
import pytest
import torch
from torch import Tensor

from steradian.modalities.image_tokenizer import ImageTokenizer, _jitter

SIZE = 16


@pytest.fixture
def array(rng: np.random.Generator) -> np.ndarray:
    """A picture of noise."""
    return rng.integers(0, 256, size=(SIZE, SIZE, 3), dtype=np.uint8)


def tokenizer_and_pixels(array: np.ndarray) -> tuple[ImageTokenizer, Tensor]:
    return ImageTokenizer(SIZE, 12), torch.from_numpy(np.stack([array, array[::-1], array[:, ::-1]]))


def input_of_stem(tokenizer: ImageTokenizer, pixels: Tensor) -> Tensor:
    seen: list[Tensor] = []
    handle = tokenizer.stem.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    tokenizer(pixels=pixels)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize(("size", "width", "patches"), [(8, 4, 1), (16, 12, 4), (48, 64, 36)])
def test_there_is_a_token_a_patch(size: int, width: int, patches: int) -> None:
    tokenizer = ImageTokenizer(size, width)
    tokens = tokenizer(pixels=torch.zeros(2, size, size, 3, dtype=torch.uint8))
    assert tokens.values.shape == (2, patches, width)
    assert tokens.mask is None


def test_pixels_run_from_minus_1_to_1_with_channels_first(array: np.ndarray) -> None:
    tokenizer, pixels = tokenizer_and_pixels(array)
    picture = input_of_stem(tokenizer.eval(), pixels)
    expected = torch.from_numpy(array.astype(np.float32)).permute(2, 0, 1) * 2 / 255 - 1
    torch.testing.assert_close(picture[0], expected, rtol=0, atol=1e-6)


def test_pictures_change_in_training_only_and_each_by_its_own_draw(array: np.ndarray) -> None:
    tokenizer, pixels = tokenizer_and_pixels(array)
    tokenizer.eval()
    assert torch.equal(input_of_stem(tokenizer, pixels), input_of_stem(tokenizer, pixels))
    tokenizer.train()
    same = pixels[:1].expand(64, -1, -1, -1)
    changed = input_of_stem(tokenizer, same)
    assert len(torch.unique(changed.flatten(1), dim=0)) == 64
    assert not torch.equal(changed, input_of_stem(tokenizer, same))


def test_places_are_not_rounded_under_autocast(array: np.ndarray) -> None:
    tokenizer, pixels = tokenizer_and_pixels(array)
    torch.manual_seed(0)
    expected = input_of_stem(tokenizer, pixels)
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        found = input_of_stem(tokenizer, pixels)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def in_training(picture: np.ndarray) -> Tensor:
    """What 500 draws make of a picture [64, 64, 3] of -1..1: float [500, 3, 64, 64]."""
    pixels = torch.from_numpy(((picture + 1) * 127.5).round().astype(np.uint8))
    return input_of_stem(ImageTokenizer(64, 4), pixels.expand(500, -1, -1, -1))


def test_pictures_are_turned_by_at_most_a_fifth_of_a_radian() -> None:
    ramp = np.broadcast_to(np.linspace(-1, 1, 64)[None, :, None], (64, 64, 3))
    inner = in_training(ramp)[:, 0, 22:42, 22:42]
    across, down = (inner[..., -1] - inner[..., 0]).mean(dim=1), (inner[:, -1] - inner[:, 0]).mean(dim=1)
    angles = torch.atan2(down, across)
    assert angles.abs().max() <= 0.21
    assert angles.min() < -0.18
    assert angles.max() > 0.18


def test_pictures_are_moved_by_at_most_a_tenth_of_their_side() -> None:
    halves = np.broadcast_to(np.where(np.arange(64) < 32, -1.0, 1.0)[None, :, None], (64, 64, 3))
    row = in_training(halves)[:, 0, 32]
    middle = (row.amin(dim=1) + row.amax(dim=1)) / 2
    border = (row < middle[:, None]).sum(dim=1)
    # Within a picture made smaller by a fifth, a tenth of the side is an eighth.
    assert border.min() >= 32 - 9
    assert border.max() <= 32 + 9
    assert border.min() <= 27
    assert border.max() >= 37


def test_colors_change_by_at_most_three_tenths_and_never_turn_into_others() -> None:
    grey = in_training(np.zeros((64, 64, 3)))
    assert (grey - grey[..., :1, :1]).abs().max() < 1e-4, "a plain picture stays plain"
    assert 0.25 < grey.abs().max() < 0.31
    red = in_training(np.broadcast_to([1.0, -1.0, -1.0], (64, 64, 3)))[..., 0, 0]
    lead = red[:, 0] - red[:, 1:].amax(dim=1)
    # 0.4 * (2 * 0.7 - 0.6) at the least, and 0.8 where nothing goes to grey.
    assert 0.3 < lead.min() < 0.8 < lead.max()


def test_the_place_of_a_patch_counts_and_other_pictures_do_not(array: np.ndarray) -> None:
    tokenizer, pixels = tokenizer_and_pixels(array)
    tokenizer.eval()
    whole = tokenizer(pixels=pixels).values
    for row in range(3):
        alone = tokenizer(pixels=pixels[row : row + 1]).values[0]
        torch.testing.assert_close(alone, whole[row], rtol=0, atol=1e-5)
    with torch.no_grad():
        before = tokenizer(pixels=pixels).values
        tokenizer.place += torch.arange(4.0)[:, None]
        moved = tokenizer(pixels=pixels).values - before
    torch.testing.assert_close(moved, torch.arange(4.0)[:, None].expand_as(moved), rtol=0, atol=1e-5)


def test_no_picture_at_all_and_gradients(array: np.ndarray) -> None:
    tokenizer, pixels = tokenizer_and_pixels(array)
    assert tokenizer(pixels=pixels[:0]).values.shape == (0, 4, 12)
    (tokenizer(pixels=pixels).values * torch.randn(3, 4, 12)).sum().backward()
    assert [name for name, p in tokenizer.named_parameters() if p.grad is None or not p.grad.any()] == []


def plain_jitter(picture: Tensor) -> Tensor:
    """What `_jitter` does, step by step, from the same draws."""
    draw = torch.rand(len(picture), 4) * 2 - 1
    scale, angle = 1 + 0.2 * draw[:, 0], 0.2 * draw[:, 1]
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(-1, 2, 2)
    matrix = torch.cat([scale[:, None, None] * turn, 0.2 * draw[:, 2:, None]], dim=2)
    grid = torch.nn.functional.affine_grid(matrix, list(picture.shape), align_corners=False)
    moved = torch.nn.functional.grid_sample(picture, grid, padding_mode="border", align_corners=False)
    contrast, brightness = 0.3 * (torch.rand(2, len(picture), 3, 1, 1) * 2 - 1)
    recoloured = moved * (1 + contrast) + brightness
    grey = 0.6 * torch.rand(len(picture), 1, 1, 1)
    return (1 - grey) * recoloured + grey * recoloured.mean(dim=1, keepdim=True)


def test_one_product_recolours_as_the_plain_steps_do(array: np.ndarray) -> None:
    picture = torch.from_numpy(np.stack([array, array[::-1]])).permute(0, 3, 1, 2).float() / 127.5 - 1
    torch.manual_seed(0)
    expected = plain_jitter(picture)
    torch.manual_seed(0)
    found = _jitter(picture)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)
