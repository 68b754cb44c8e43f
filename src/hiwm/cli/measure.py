"""Commands that measure policies outside and inside their world, and tell a whole experiment."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional


def evaluate(
    policy: tuple[str, ...],
    scenes: tuple[str, ...],
    out: Path,
    sim: str | None = None,
    world: str | None = None,
    look: str = "plain",
    workers: int = 2,
    batch: int = 8,
    device: str = "cpu",
    max_steps: int | None = None,
) -> None:
    """Let policies attempt the same scenes, in the simulator or in a learned world; the same command goes on.

    Args:
        policy: Folders or names of policies, or LABEL=FOLDER; the first is what the others are compared with.
        scenes: For example push_t/eval/0..199.
        out: Folder for trials.csv and summary.json.
        sim: The simulated task to evaluate in.
        world: The world to evaluate in instead: a folder, or the name of a shipped one.
        look: How the scenes look: plain, appearance, background, distractors, light, camera or all.
        workers: Processes; 0 works in this one.
        batch: How many scenes a process steps together.
        device: Where policies compute: cpu or cuda.
        max_steps: Steps an attempt has; by default those of the task.
    """
    from rich.console import Console

    from hiwm.evaluation.trials import read_trials
    from hiwm.pipeline.evaluate import TRIALS, Ways, compared, summary_table
    from hiwm.pipeline.evaluate import evaluate as run_evaluation

    ways = Ways(workers, batch, device, max_steps)
    run_evaluation(policy, out, scenes, world=world, sim=sim, look=look, ways=ways)
    Console().print(summary_table(*compared(read_trials(out / TRIALS))))
    print(out / TRIALS)


def agree(
    inside: tuple[Path, ...],
    outside: tuple[Path, ...],
    out: Path,
    lineage: Path | None = None,
) -> None:
    """Compare success inside the world with success outside, over policies: correlation, ranks, single episodes.

    Args:
        inside: Trials in the world (trials.csv of hiwm evaluate --world); several are put together.
        outside: Trials in the simulator, or your own trials on the robot (policy, scene, trial, success).
        out: Folder for agreement.json and agreement.png.
        lineage: JSON file that says what each policy descends from: {"policy": "lineage"}.
    """
    from hiwm.pipeline.agree import agree as run_agreement
    from hiwm.pipeline.agree import in_words

    print("\n".join([*in_words(run_agreement(inside, outside, lineage, out)), str(out)]))


def report(run: Positional[Path]) -> None:
    """Tell a run on one page: report.json first, then a page of it that needs nothing else.

    Args:
        run: Folder of a run (hiwm run).
    """
    from hiwm.pipeline.report import report as write_report

    print(write_report(run))
