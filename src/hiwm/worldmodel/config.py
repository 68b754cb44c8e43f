"""The sizes of a world model and the recipe of its training."""

from __future__ import annotations

from dataclasses import dataclass

from hiwm.errors import BadInput


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the picture network.

    past: how many shown pictures it sees. fold: pixels are folded fold x fold into channels. widths, blocks: channels
    and residual blocks at 1/fold, 1/(2 fold) and 1/(4 fold) of the picture. points: image points that it computes from
    the robot state and draws as maps. warps: how many flow fields it may move the last picture by, 0 for none.
    """

    past: int = 2
    fold: int = 4
    widths: tuple[int, int, int] = (64, 128, 192)
    blocks: tuple[int, int, int] = (1, 3, 3)
    embed: int = 256
    points: int = 8
    warps: int = 0

    def require_fits(self, height: int, width: int) -> None:
        """Raises BadInput unless a picture divides into the coarsest grid."""
        unit = self.fold * 4
        if height % unit or width % unit:
            raise BadInput(
                f"expected pictures whose sides divide by {unit}, got {height} x {width}; "
                f"give --size {height // unit * unit or unit} {width // unit * unit or unit}"
            )


@dataclass(frozen=True)
class TrainingConfig:
    """How a world model is trained. Shares are of the training time.

    crop: side in pixels of the squares it is trained on, around what changes; whole pictures for the last
    whole_share. own_steps: longest own rollout before a trained step; they begin after own_from. context_noise:
    largest standard deviation of noise on the context (pictures are -1..1). critic: weight of the patch critic, 0 for
    none; it begins after critic_from. weights of the loss: 1, near what differs from the usual picture
    +object_weight, near what changes in this step +change_weight. average: share that the running average of the
    weights keeps per step. watch_steps: length of the rollouts that training is watched by.
    """

    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    crop: int = 64
    whole_share: float = 0.1
    own_steps: int = 4
    own_from: float = 0.06
    context_noise: float = 0.04
    critic: float = 0.0
    critic_from: float = 0.2
    object_weight: float = 4.0
    change_weight: float = 6.0
    average: float = 0.998
    watch_steps: int = 64
    seed: int = 0
