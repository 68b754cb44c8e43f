"""The picture part of a training: squares are cut where their grid says, and what is read and painted fits together."""

from __future__ import annotations

import torch

from hiwm.worldmodel.descent import Descent, orthogonal
from hiwm.worldmodel.network import TEXTURE_RATE, Painter, Reader, Sprites, pixel_grid, position_grid
from hiwm.worldmodel.pictures import Shots, cut, unusual
from tests.worldmodel.conftest import TINY

SIDE = 64


def _shots(count: int) -> Shots:
    """Pictures whose first two channels are each pixel's own x and y, with one unusual dot each."""
    grid = position_grid(SIDE, SIDE, 1)
    pictures = torch.cat([grid, torch.zeros(1, SIDE, SIDE)]).repeat(count, 1, 1, 1)
    usual = pictures.clone()
    for k in range(count):
        pictures[k, 2, 5 + 11 * k % SIDE, 60 - 7 * k % SIDE] = 1.0
    return Shots(pictures, torch.zeros(count, 3), usual, position_grid(SIDE, SIDE, 4).expand(count, -1, -1, -1))


def test_squares_are_cut_alike_from_picture_usual_picture_and_grid() -> None:
    shots = _shots(6)
    parts = cut(shots, 32, 4, torch.Generator().manual_seed(0))
    assert parts.pictures_bchw.shape == (6, 3, 32, 32)
    assert torch.equal(parts.pictures_bchw[:, :2], parts.usual_bchw[:, :2])
    corner = parts.pictures_bchw[:, :2, 0, 0]
    folded = parts.grid_b2hw[:, :, 0, 0]
    assert torch.allclose(corner, folded, atol=2 * 4 / SIDE)


def test_most_squares_hold_what_is_unusual() -> None:
    draw = torch.Generator().manual_seed(1)
    held = [unusual(p.pictures_bchw, p.usual_bchw).amax((1, 2, 3)).mean() for p in (cut(_shots(6), 32, 4, draw),) * 5]
    assert torch.stack(held).mean() >= 0.8


def test_points_are_drawn_to_what_is_unusual_before_anything_is_learned() -> None:
    torch.manual_seed(0)
    reader = Reader(TINY, 3, SIDE, SIDE)
    pictures = torch.zeros(2, 3, SIDE, SIDE)
    pictures[0, :, 48:56, 8:16] = pictures[1, :, 8:16, 48:56] = 1.0
    left, right = reader(pictures, torch.zeros_like(pictures))[:, : 2 * TINY.points].reshape(2, -1, 2)
    assert (right - left)[:, 0].min() > 0.1
    assert (right - left)[:, 1].max() < -0.1


def test_an_untrained_painter_paints_the_usual_picture() -> None:
    shots = _shots(2)
    painter = Painter(TINY, 3, 3)
    code = torch.randn(2, TINY.code)
    painted = painter(code, shots.states_bs, shots.usual_bchw, shots.grid_b2hw)
    torch.testing.assert_close(painted, shots.usual_bchw, atol=0.05, rtol=0)  # sprites are all but transparent


def test_a_descent_moves_convolutions_and_all_else_down_the_loss() -> None:
    torch.manual_seed(0)
    reader = Reader(TINY, 3, SIDE, SIDE).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    descent = Descent(reader.parameters(), 0.0)
    shots = _shots(4)
    target = torch.full((4, TINY.code), 0.3)
    before = {name: p.detach().clone() for name, p in reader.named_parameters()}
    losses = []
    for _ in range(12):
        loss = ((reader(shots.pictures_bchw, shots.usual_bchw) - target) ** 2).mean()
        losses.append(loss.item())
        descent.step(loss, 3e-3)
    assert losses[-1] < 0.7 * losses[0]
    assert descent.weights
    moved = {name for name, p in reader.named_parameters() if not torch.equal(p, before[name])}
    assert {"down_1.weight", "deep.0.weight", "enter.weight"} <= moved


def test_the_grid_of_pixels_goes_on_the_same_in_a_square() -> None:
    whole = pixel_grid(position_grid(SIDE, SIDE, 4)[None], 4)
    assert torch.allclose(whole[0, :, 2, 2] - whole[0, :, 1, 1], whole[0, :, 33, 41] - whole[0, :, 32, 40])
    assert torch.allclose(whole.mean((0, 2, 3)), torch.zeros(2), atol=1e-6)
    part = pixel_grid(position_grid(SIDE, SIDE, 4)[None, :, 4:8, 8:12], 4)
    assert torch.allclose(part, whole[:, :, 16:32, 32:48], atol=1e-6)


def test_a_sprite_is_laid_where_its_numbers_say_and_turned() -> None:
    """Its texture is white on one half; its numbers are its place and its turn."""
    sprites = Sprites(1, 4, 1, 8)
    with torch.no_grad():
        for parameter in (*sprites.straight.parameters(), *sprites.bent.parameters()):
            parameter.zero_()
        sprites.straight.weight.copy_(torch.eye(4))
        sprites.colour.fill_(1 / TEXTURE_RATE)
        sprites.cover.fill_(-1.0)
        sprites.cover[..., 4:] = 1.0
    grid = pixel_grid(position_grid(SIDE, SIDE, 4)[None], 4)
    for place, turn, side in (((0.2, -0.3), (1.0, 0.0), (0.2, 0.0)), ((-0.4, 0.5), (0.0, 1.0), (0.0, 0.2))):
        laid, cover = sprites(torch.tensor([[*place, *turn]]), torch.zeros(1, 1, SIDE, SIDE), grid)
        centre = (grid * laid).sum((2, 3)) / laid.sum()
        assert torch.allclose(centre[0], torch.tensor(place) + torch.tensor(side), atol=0.02)
        assert (laid <= cover + 1e-5).all()
        seen = sprites.seen_from(torch.tensor([[*place, *turn]]), centre[..., None])
        assert seen[0, 0, 0, 0] > 0.4
        assert abs(seen[0, 0, 0, 1]) < 0.1


def test_orthogonal_steps_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((12, 80), (80, 12)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.min() > 0.6
        assert values.max() < 1.3
    assert torch.equal(orthogonal(torch.zeros(3, 5)), torch.zeros(3, 5))
