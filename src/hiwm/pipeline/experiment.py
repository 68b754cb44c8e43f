"""`hiwm run`: a whole experiment, from data to report, stage by stage; the same command goes on."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from hiwm.pipeline.experiment_plan import Given, looped, prepared
from hiwm.pipeline.report import PAGE
from hiwm.pipeline.report_effort import demo_frames
from hiwm.pipeline.run_about import LINEAGE, write_about
from hiwm.pipeline.run_stages import RUN, Execute, StageRunner, run_command
from hiwm.policies.loading import shipped_policies
from hiwm.recipes.experiment import ExperimentRecipe
from hiwm.runfolder import hiwm_home, only_one, write_json


def run_experiment(
    given: Given,
    recipe: ExperimentRecipe,
    run: Path | None = None,
    execute: Execute | None = None,
    jobs: int = 1,
) -> Path:
    """Runs what is missing of an experiment, `jobs` stages at a time that share the cores; returns the report's page.

    Raises StageFailed where a stage fails, BadInput where another run is at work in the folder.
    """
    place = run or hiwm_home() / "runs" / f"{given.task}-{recipe.name}"
    threads = max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else None
    with only_one(place, "hiwm run") as lock:
        execute = execute or partial(run_command, threads=threads, lock=lock)
        first, parts = prepared(given, recipe, shipped_policies())
        stages = len(first) + len(looped(given, recipe, parts, frames=1).stages)
        runner = StageRunner(place, stages, execute, jobs)
        runner.go(first)
        plan = looped(given, recipe, parts, demo_frames(place / parts.dataset.text.removeprefix(RUN)))
        write_about(place, plan.about())
        write_json(place / LINEAGE, plan.lineages())
        runner.go(plan.stages)
    return place / "report" / PAGE
