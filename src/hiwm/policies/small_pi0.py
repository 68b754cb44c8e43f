"""pi0 in a size that trains from scratch on a processor, offline: LeRobot's own PI0Policy, narrower and shallower.

LeRobot fixes the sizes of pi0's networks and its tokenizer in code. While such a policy is constructed, three names of
LeRobot's module stand for smaller networks and one for a tokenizer of bytes; once it is there nothing is replaced. A
marker in the policy's folder says that it is one, so that whoever loads it need not know.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from hiwm.errors import BadCheckpoint
from hiwm.runfolder import read_json, write_json

MARKER = "small_pi0.json"
TOKENIZER = "tokenizer"
"""Folder with the tokenizer, inside the policy's folder."""
HEADS = 8
"""Fixed in LeRobot's attention."""


@dataclass(frozen=True)
class SmallSizes:
    """Sizes of the networks. width, depth: of both transformers; vision_*: of the picture tower; words: vocabulary."""

    width: int = 128
    depth: int = 3
    head: int = 16
    vision_width: int = 96
    vision_depth: int = 3
    words: int = 320

    def save(self, folder: Path) -> None:
        """Marks a policy's folder."""
        write_json(folder / MARKER, dataclasses.asdict(self))


def small_sizes(folder: Path) -> SmallSizes | None:
    """The sizes of the small pi0 in a folder, None for every other policy; raises BadCheckpoint."""
    path = folder / MARKER
    if not path.is_file():
        return None
    try:
        return SmallSizes(**{name: int(size) for name, size in read_json(path).items()})
    except (ValueError, TypeError, AttributeError) as error:
        raise BadCheckpoint(f"{path} does not say the sizes of a small pi0 ({error}); copy the folder again") from error


@contextlib.contextmanager
def small_pi0(sizes: SmallSizes | None, tokenizer: Path | None = None) -> Iterator[None]:
    """Inside, LeRobot constructs pi0 in these sizes; None leaves everything as it is.

    tokenizer: folder of the one that new processors use; saved ones name their own.
    """
    if sizes is None:
        yield
        return
    from lerobot.policies.pi0 import modeling_pi0, processor_pi0
    from lerobot.processor import TokenizerProcessorStep

    with contextlib.ExitStack() as stack:
        for name, small in _small_names(modeling_pi0, sizes).items():
            stack.enter_context(mock.patch.object(modeling_pi0, name, small))
        if tokenizer is not None:
            stack.enter_context(
                mock.patch.object(
                    processor_pi0,
                    "TokenizerProcessorStep",
                    lambda **settings: TokenizerProcessorStep(**settings | {"tokenizer_name": str(tokenizer)}),
                )
            )
        yield


def _small_names(module: Any, sizes: SmallSizes) -> dict[str, Any]:
    """What stands for three names of LeRobot's module."""
    gemma, tower, expert = (
        module.GemmaConfig,
        module.PaliGemmaForConditionalGenerationWithPiGemma,
        module.PiGemmaForCausalLM,
    )

    def small_gemma(variant: str) -> Any:
        return gemma(
            width=sizes.width,
            depth=sizes.depth,
            mlp_dim=2 * sizes.width,
            num_heads=HEADS,
            num_kv_heads=1,
            head_dim=sizes.head,
        )

    def small_tower(config: Any) -> Any:
        config.text_config.vocab_size = config._vocab_size = sizes.words
        config.image_token_index = config.image_token_id = sizes.words - 1
        config.text_config.pad_token_id = 0
        config.projection_dim = config.hidden_size = sizes.width
        vision = config.vision_config
        vision.hidden_size, vision.intermediate_size = sizes.vision_width, 2 * sizes.vision_width
        vision.num_hidden_layers, vision.num_attention_heads = sizes.vision_depth, 4
        vision.projection_dim = sizes.width
        return tower(config=config)

    def small_expert(config: Any) -> Any:
        config.vocab_size, config.pad_token_id = HEADS, 0  # its words are never used
        return expert(config=config)

    return {
        "get_gemma_config": small_gemma,
        "PaliGemmaForConditionalGenerationWithPiGemma": small_tower,
        "PiGemmaForCausalLM": small_expert,
    }


def write_tokenizer(folder: Path) -> Path:
    """A tokenizer of bytes, made here: pi0's own has to be asked for and is far too large for few words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ("<pad>", "<bos>", "<eos>")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {word: number for number, word in enumerate([*special, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = dict(zip(("pad_token", "bos_token", "eos_token"), special, strict=True))
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)  # type: ignore[no-untyped-call]
    made.save_pretrained(folder)
    return folder
