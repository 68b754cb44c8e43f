"""The two commands: a dataset in, a policy out; a policy, its data and corrections in, the next policy out."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from hiwm.cli.app import main
from hiwm.data.source import Source
from hiwm.errors import BadInput, UnknownName
from hiwm.pipeline.manifest import read_manifest, write_manifest
from hiwm.pipeline.post_train import PostRecipe, require_one_world
from hiwm.pipeline.train_policy import parsed_settings
from hiwm.policies.checkpoint import load_checkpoint, policy_hash
from hiwm.policies.loading import load_policy
from hiwm.runfolder import read_json
from tests.dot_world import DOT_SPEC, dot_dataset
from tests.policies.conftest import estimator, source
from tests.policies.made import seen

__all__ = ["estimator", "source"]

SMALL = "--batch 8 --threads 1 --device cpu --set down_dims=[16,32] --set n_groups=4 --set num_inference_steps=2"


@pytest.fixture(scope="module")
def trained(source: Source, estimator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "base"
    flags = f"{source.folder} --out {out} --eye {estimator} --steps 6 {SMALL}"
    assert main(["train-policy", *flags.split()]) == 0
    return out


@pytest.fixture(scope="module")
def corrections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corrections") / "round_1"
    dot_dataset(folder, each=2)
    return folder


def _post(trained: Path, source: Source, out: Path, more: str) -> int:
    flags = f"--policy {trained} --base {source.folder} --out {out} --batch 8 --threads 1 --device cpu {more}"
    return main(["post-train", *flags.split()])


def test_a_policy_is_written_that_acts(trained: Path, source: Source) -> None:
    about = read_json(trained / "hiwm.json")
    assert about["steps"] == 6
    assert about["datasets"] == [{"name": "dataset", "episodes": 9, "frames": source.episodes.frames}]
    policy = load_policy(str(trained), DOT_SPEC)
    _, [action] = policy.act(policy.start([0]), [seen()])
    assert action.shape == (2,)
    manifest = read_manifest(trained)
    assert manifest is not None
    assert manifest.complete
    assert set(manifest.inputs) == {"dataset", "eye"}


def test_a_finished_policy_is_not_written_over(
    trained: Path, source: Source, estimator: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = f"{source.folder} --out {trained} --eye {estimator} --steps 6 {SMALL}"
    assert main(["train-policy", *flags.split()]) == 2
    assert "holds a policy already; give --resume" in capsys.readouterr().err
    assert main(["train-policy", *flags.split(), "--resume"]) == 0
    assert read_json(trained / "hiwm.json")["steps"] == 6


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--steps 3 --set down_dims=[16,32,64,128,256]", "diffusion cannot be built so"),
        ("--steps 3 --set wings=2", "diffusion cannot be built so"),
        ("--steps 3 --policy teleport", "no policy of LeRobot is called 'teleport'"),
        ("", "expected --minutes or --steps above 0"),
        ("--steps 3 --kinds ghost", "expected episodes of kind ghost"),
        ("--steps 3 --set wings", "expected --set NAME=VALUE"),
    ],
)
def test_bad_input_is_one_line(
    flags: str, complaint: str, source: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"{source.folder} --out {tmp_path / 'never'} --threads 1 --set resize_shape=[16,16] {flags}"
    assert main(["train-policy", *command.split()]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert not (tmp_path / "never").exists()


def test_settings_are_json_or_words() -> None:
    assert parsed_settings(["down_dims=[1,2]", "prediction_type=sample", "horizon=8"]) == {
        "down_dims": (1, 2),
        "prediction_type": "sample",
        "horizon": 8,
    }


def test_a_round_keeps_the_scales_and_says_where_it_comes_from(
    trained: Path, corrections: Path, source: Source, tmp_path: Path
) -> None:
    out = tmp_path / "round"
    assert _post(trained, source, out, f"--corrections {corrections} --steps 4 --share 0.4") == 0
    about = read_json(out / "hiwm.json")
    assert about["lineage"]["parent_hash"] == policy_hash(trained)
    assert about["lineage"]["round"] == 1
    assert [dataset["name"] for dataset in about["datasets"]] == ["dataset", "round_1"]
    scales = [next(folder.glob("policy_preprocessor*normalizer*.safetensors")) for folder in (trained, out)]
    assert scales[0].read_bytes() == scales[1].read_bytes()
    before, after = (load_checkpoint(folder).policy.state_dict() for folder in (trained, out))
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert _post(out, source, tmp_path / "next", f"--corrections {corrections} --steps 2") == 0
    lineage = read_json(tmp_path / "next" / "hiwm.json")["lineage"]
    assert lineage["round"] == 2
    assert lineage["first"] == policy_hash(trained)


def test_longer_trains_on_the_base_alone(trained: Path, source: Source, tmp_path: Path) -> None:
    assert _post(trained, source, tmp_path / "longer", "--longer --steps 3") == 0
    assert len(read_json(tmp_path / "longer" / "hiwm.json")["datasets"]) == 1


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("--steps 3", "expected --corrections DATASET, or --longer"),
        ("--steps 3 --longer --corrections CORRECTIONS", "give one of the two"),
        ("--steps 3 --share 1 --corrections CORRECTIONS", "expected --share between 0 and 1"),
        ("--steps 3 --longer --resume", "every round gets its own folder"),
    ],
)
def test_what_post_training_refuses(
    more: str, complaint: str, trained: Path, source: Source, corrections: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _post(trained, source, trained, more.replace("CORRECTIONS", str(corrections))) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


def test_corrections_of_another_robot_are_refused(
    trained: Path, source: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.fakes import toy_dataset

    toy_dataset(tmp_path / "toy", each=1)
    assert _post(trained, source, tmp_path / "never", f"--steps 2 --corrections {tmp_path / 'toy'}") == 2
    assert "has no camera observation.images.top of the policy's size" in capsys.readouterr().err


def test_corrections_of_two_worlds_are_refused(source: Source, tmp_path: Path) -> None:
    sources = []
    for world in ("a", "b"):
        rolled, made = tmp_path / f"rolled_{world}", tmp_path / f"made_{world}"
        write_manifest(rolled, "rollout", {}, {"dynamics": {"kind": "world", "hash": world}}, {})
        write_manifest(made, "export", {"rollouts": rolled}, {}, {})
        sources.append(dataclasses.replace(source, folder=made))
    require_one_world(sources[:1] * 2)
    with pytest.raises(BadInput, match="corrections of different worlds"):
        require_one_world(sources)


def test_a_share_that_leaves_out_one_side_is_refused() -> None:
    with pytest.raises(BadInput, match="between 0 and 1"):
        PostRecipe(share=1.0)


def test_an_unknown_policy_lists_lerobots(source: Source) -> None:
    from hiwm.posttrain.fresh import fresh_config

    with pytest.raises(UnknownName, match=r"diffusion.*pi0"):
        fresh_config("teleport", source.spec, None, {}, "cpu")


@pytest.mark.timeout(400)  # a process that imports all of LeRobot takes its time on a busy machine
def test_killed_while_training_it_goes_on(source: Source, estimator: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    flags = f"{source.folder} --out {out} --eye {estimator} --steps 100000 {SMALL}".split()
    code = (
        "import dataclasses, sys\n"
        "from hiwm.cli.app import main\n"
        "from hiwm.pipeline import train_policy as stage\n"
        "train = stage.train\n"
        "often = lambda budget: dataclasses.replace(budget, save_s=0.2)\n"
        "stage.train = lambda c, m, t, o, budget, say: train(c, m, t, o, often(budget), say)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, "train-policy", *flags]) as process:
        try:
            while not (out / "training" / "state.json").exists():
                time.sleep(0.1)
        finally:
            process.kill()
    state = json.loads((out / "training" / "state.json").read_text())
    load_checkpoint(out)
    again = [flag if flag != "100000" else str(state["step"] + 2) for flag in flags]
    assert main(["train-policy", *again, "--resume"]) == 0
    assert read_json(out / "hiwm.json")["steps"] == state["step"] + 2
