"""The sizes of a world model and the recipe of its training."""

from __future__ import annotations

from dataclasses import dataclass

from hiwm.errors import BadInput


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the networks.

    past: how many shown pictures a step looks at. fold: pixels are folded fold x fold into channels. points, features:
    a picture is read as so many image points and other numbers, which together are its code. eye: how many numbers an
    eye reads, 0 for a world that learns to read; otherwise they are the code, and the points are functions of them.
    read_widths, paint_widths: channels at 1/fold, 1/(2 fold) and 1/(4 fold) of the picture; paint_blocks: residual
    blocks there. sprites: textures of sprite_size x sprite_size that are moved to where a code says; robot_sprites: to
    where the robot state says, on top of them. robot_points: image points that are learned functions of the robot
    state. embed: width of the painter's condition. motion_width, motion_blocks: of the network that moves the code;
    mixer_width, mixer_blocks: of the one where an eye reads several points. hands: how many of the robot's hands are
    seen from each of them in space; 0 for worlds that see the robot in image points alone.
    """

    past: int = 2
    fold: int = 4
    points: int = 32
    features: int = 32
    read_widths: tuple[int, int, int] = (32, 64, 128)
    paint_widths: tuple[int, int, int] = (64, 96, 128)
    paint_blocks: tuple[int, int, int] = (2, 2, 2)
    robot_points: int = 8
    sprites: int = 2
    robot_sprites: int = 0
    sprite_size: int = 48
    eye: int = 0
    embed: int = 256
    motion_width: int = 384
    motion_blocks: int = 4
    mixer_width: int = 64
    mixer_blocks: int = 3
    hands: int = 0

    @property
    def code(self) -> int:
        """How many numbers a code has."""
        return self.eye or 2 * self.points + self.features

    @property
    def placed(self) -> int:
        """How many of them, from the first on, say where things are."""
        return self.eye or 2 * self.points

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

    motion_share: how much of it goes to the networks that move code and robot state; before, pictures are learned.
    polish_share: how much goes, after that, to painting alone, from codes that stay. batch, learning_rate: of
    pictures. crop: side in pixels of the squares that are painted, around objects; whole pictures in the last
    whole_share of that part. picture_noise: largest standard deviation of noise on pictures that are read (-1..1).
    point_noise, feature_noise: standard deviations on what was read before it is painted; eye_noise: of what an eye
    read. object_weight: of the loss near what differs from the usual picture, beside 1. sprite_weight: of the loss of
    the sprites alone. motion_batch, motion_rate: of the motion networks; own_steps: how many steps they go on from
    their own results. code_noise: standard deviation on the codes that a rollout begins with, scaled. average: share
    that the running average of the weights keeps per step. watch_steps: length of the rollouts that training is
    watched by.
    """

    motion_share: float = 0.25
    polish_share: float = 0.2
    batch: int = 16
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.01
    crop: int = 64
    whole_share: float = 0.1
    picture_noise: float = 0.08
    point_noise: float = 0.006
    feature_noise: float = 0.05
    eye_noise: float = 0.02
    object_weight: float = 6.0
    sprite_weight: float = 0.5
    motion_batch: int = 128
    motion_rate: float = 1e-3
    own_steps: int = 8
    code_noise: float = 0.01
    average: float = 0.998
    watch_steps: int = 64
    seed: int = 0
