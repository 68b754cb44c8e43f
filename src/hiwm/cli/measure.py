"""Commands that measure policies outside and inside their world, and tell a whole experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

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
    trials: int = 1,
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
        trials: Attempts of every policy in every scene, each with other draws of the policy.
    """
    from rich.console import Console

    from hiwm.evaluation.trials import read_trials
    from hiwm.pipeline.evaluate import TRIALS, Ways, compared, summary_table
    from hiwm.pipeline.evaluate import evaluate as run_evaluation

    ways = Ways(workers, batch, device, max_steps, trials)
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


def report(run: Positional[Path], trials: tuple[Path, ...] = ()) -> None:
    """Tell a run on one page: report.json first, then a page of it that needs nothing else.

    Args:
        run: Folder of a run (hiwm run).
        trials: Your own trials of the run's policies (policy, scene, trial, success) instead of the simulator's.
    """
    from hiwm.pipeline.report import report as write_report

    print(write_report(run, trials))


def run(
    task: Positional[str],
    recipe: Literal["full", "short", "demo", "tiny"] = "full",
    out: Path | None = None,
    dataset: Path | None = None,
    world: str | None = None,
    policy: str | None = None,
    estimator: Path | None = None,
    policies: tuple[str, ...] = (),
    device: str = "cpu",
    workers: int = 2,
    jobs: int = 1,
) -> None:
    """Run a whole experiment: policy, rollouts, corrections, post-training, controls, evaluation, report. Goes on when
    called again.

    Args:
        task: push_t, route_rope or fold_towel.
        recipe: How large: full (many hours), short (half an hour), demo (a quarter of an hour), tiny (seconds a stage).
        out: Folder of the run; without it, one in $HIWM_HOME.
        dataset: What the base policy learns from; without it, it is collected.
        world: The world: a folder or a shipped name; without it the shipped one, or it is learned.
        policy: The base policy, trained on that dataset; without it, it is trained (demo, short: the shipped one).
        estimator: By what the scripted operator sees; without it the shipped one, or it is trained.
        policies: Further policies, LABEL=FOLDER, that are evaluated too and count for agreement.
        device: Where policies compute: cpu or cuda.
        workers: Processes of the simulator, in each stage.
        jobs: Stages at a time; they share the cores, and what they say goes to RUN/stages/NAME.log.
    """
    from hiwm.pipeline.evaluate import named_policies
    from hiwm.pipeline.experiment import run_experiment
    from hiwm.pipeline.experiment_plan import Given
    from hiwm.recipes.loading import load_recipe

    more = named_policies(policies) if policies else {}
    given = Given(task, dataset, world, policy, estimator, more, device, workers)
    print(run_experiment(given, load_recipe(task, recipe), out, jobs=jobs))
