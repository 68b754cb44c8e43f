"""The encoder of a policy's numbers: what it appends, what it keeps on disk, and what its loss counts."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lerobot.processor import PolicyProcessorPipeline

from hiwm.policies.encoder import EncoderStep
from hiwm.policies.features import ACTION, ENVIRONMENT, STATE


def step() -> EncoderStep:
    torch.manual_seed(0)
    return EncoderStep(seen=3, state=2, moments=2, chunk=(4, 2), features=5, width=8, blocks=1)


def seen(batch: int = 6) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {
        ENVIRONMENT: torch.randn((batch, 2, 3), generator=draw),
        STATE: torch.randn((batch, 2, 2), generator=draw),
    }


def test_features_stand_behind_the_numbers_for_windows_and_single_moments() -> None:
    encoder, window = step(), seen()
    after = encoder.observation(window)[ENVIRONMENT]
    assert after.shape == (6, 2, 8)
    assert torch.equal(after[..., :3], window[ENVIRONMENT])
    moment = encoder.observation({name: value[:, -1] for name, value in window.items()})[ENVIRONMENT]
    torch.testing.assert_close(moment, after[:, -1])


def test_a_saved_pipeline_gives_the_same_features(tmp_path: Path) -> None:
    encoder = step()
    PolicyProcessorPipeline[Any, Any](steps=[encoder], name="policy_preprocessor").save_pretrained(tmp_path)
    again = (
        PolicyProcessorPipeline[Any, Any].from_pretrained(tmp_path, config_filename="policy_preprocessor.json").steps[0]
    )
    assert isinstance(again, EncoderStep)
    assert again.get_config() == encoder.get_config()
    torch.testing.assert_close(again.observation(seen())[ENVIRONMENT], encoder.observation(seen())[ENVIRONMENT])


def test_masked_actions_do_not_count_and_imitation_learns() -> None:
    net = step().net
    window = seen()
    actions = torch.stack([window[STATE][:, -1]] * 4, 1)
    padded = torch.zeros((6, 4), dtype=torch.bool)
    padded[:, 2:] = True
    batch = window | {ACTION: actions, f"{ACTION}_is_pad": padded}
    wild = batch | {ACTION: torch.where(padded[..., None], 1e6, actions)}
    assert net.loss(wild).item() == pytest.approx(net.loss(batch).item())
    before = net.loss(batch).item()
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(100):
        optimiser.zero_grad()
        net.loss(batch).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert net.loss(batch).item() < 0.3 * before
