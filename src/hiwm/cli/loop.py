"""Commands of the loop: roll a policy out, find its failures, correct them, export what was corrected."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional


def rollout(
    policy: str,
    scenes: tuple[str, ...],
    out: Path,
    world: str | None = None,
    sim: str | None = None,
    look: str = "plain",
    seed: int = 0,
    batch: int = 16,
    workers: int = 2,
    max_steps: int | None = None,
    device: str = "cpu",
) -> None:
    """Let a policy attempt scenes in a world or a simulator; each attempt becomes a session file. Goes on when called
    again.

    Args:
        policy: Folder or name of the policy.
        scenes: For example push_t/train/1000..1099, or dataset:FOLDER/0..9 for the first frames of episodes.
        out: Folder for the sessions.
        world: The world: a folder, or the name of a shipped one.
        sim: The simulated task, instead of a world.
        look: How the scenes look: plain, appearance, background, distractors, light, camera or all.
        seed: Another seed gives other draws of the policy.
        batch: How many scenes are stepped together.
        workers: Processes for a simulator; 0 works in this one, as a world always does.
        max_steps: Steps an attempt has; by default those of the task.
        device: Where the policy computes: cpu or cuda.
    """
    from hiwm.pipeline.rollout import rollout as run_rollout
    from hiwm.pipeline.rollout_worker import Job
    from hiwm.pipeline.scenes import parse_scenes

    job = Job(policy, world, sim, look, tuple(parse_scenes(scenes)), out, seed, max_steps, device)
    report = run_rollout(job, batch, workers)
    print(f"{report.successes} of {len(report.rolled)} attempts end in success ({report.new} new); {out}")


def find_failures(folder: Positional[Path], measure: bool = False) -> None:
    """Fill the inbox: where the attempts of a rollout began to go wrong, ranked, with a strip of pictures each.

    Args:
        folder: Folder of a rollout.
        measure: Then do the same actions in the simulator, and say how well the failures were foretold.
    """
    from hiwm.pipeline.find_failures import INBOX, SHEET, find_all_failures

    inbox = find_all_failures(folder)
    why = inbox.to_json()["why"]
    kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in why.items())
    print(f"{len(inbox.items)} of {inbox.attempts} attempts failed{f': {kinds}' if kinds else ''}")
    print(folder / INBOX)
    if inbox.items:
        print(folder / SHEET)
    if measure:
        _measure(folder)


def _measure(folder: Path) -> None:
    from hiwm.pipeline.foretell import foretelling
    from hiwm.runfolder import write_json

    figures = foretelling(folder)
    write_json(folder / "foretelling.json", figures)
    print(f"{figures['failed']} of {figures['attempts']} fail in the simulator, {figures['foretold']} were foretold")
    for name in ("precision", "recall"):
        if (share := figures[name]) is not None:
            low, high = share["interval_95"]
            print(f"{name} {share['value']:.2f} (95 % {low:.2f} to {high:.2f}, n {share['n']})")


def correct(
    folder: Positional[Path],
    estimator: Path,
    out: Path,
    task: str | None = None,
    untargeted: bool = False,
    per_state: int = 1,
    steps: int | None = None,
    seed: int = 0,
    batch: int = 16,
    device: str = "cpu",
) -> None:
    """Let a scripted operator correct what is in the inbox, on copies of the sessions. Goes on when called again.

    Args:
        folder: Folder of a rollout with an inbox.
        estimator: Folder of the estimator by which the operator sees.
        out: Folder for the corrected sessions.
        task: Whose operator it is; by default that of the sessions.
        untargeted: Take over at random moments of all attempts, instead of at failure states.
        per_state: How many different corrections each failure state gets.
        steps: Stop when so many steps have been steered.
        seed: Another seed gives other hands, and other random moments.
        batch: How many sessions are worked on together.
        device: Where the policy computes: cpu or cuda.
    """
    from hiwm.pipeline.correct import Work
    from hiwm.pipeline.correct import correct as run_corrections

    order = Work(folder, estimator, task, untargeted, per_state, steps, seed)
    report = run_corrections(order, out, batch, device)
    outcomes = ", ".join(f"{count} {label}" for label, count in report.outcomes.items())
    print(
        f"{report.sessions} sessions, {report.takeovers} takeovers, {report.steered} steered steps: {outcomes}; {out}"
    )


def export(
    sessions: Positional[tuple[Path, ...]],
    out: Path,
    segments: bool = False,
    successes: bool = False,
    rollouts: bool = False,
    most_frames: int | None = None,
    like: Path | None = None,
    least_trust: float = 0.1,
    mean_trust: float = 0.4,
) -> None:
    """Make a LeRobot dataset of what was corrected: whole attempts with the corrections inside.

    Args:
        sessions: Folders of corrected sessions (or of a rollout, with --successes), or session files.
        out: Folder of the dataset.
        segments: Only what was steered, each correction as an episode.
        successes: Instead of corrections, the policy's own attempts that succeeded.
        rollouts: Instead of corrections, all attempts of the policy, however they ended: for a world to learn from.
        most_frames: Begin no further episode once there are so many frames.
        like: A dataset whose columns the new one shall have, so that LeRobot can merge both.
        least_trust: Reject corrections in which the world's trust falls below this.
        mean_trust: Reject corrections whose mean trust is below this.
    """
    from hiwm.corrections.gates import Gates
    from hiwm.corrections.takes import Shape
    from hiwm.errors import BadInput
    from hiwm.pipeline.export import Order
    from hiwm.pipeline.export import export as run_export

    asked = {Shape.SEGMENTS: segments, Shape.SUCCESSES: successes, Shape.ROLLOUTS: rollouts}
    shapes = [shape for shape, wanted in asked.items() if wanted]
    if len(shapes) > 1:
        raise BadInput(
            f"expected one of --segments, --successes and --rollouts, got {' and '.join(shapes)}; export each to a "
            "folder of its own"
        )
    shape = shapes[0] if shapes else Shape.ATTEMPTS
    gates = Gates(least_trust=least_trust, mean_trust=mean_trust)
    report = run_export(Order(sessions, shape, gates, most_frames, like), out)
    print(f"{report.episodes} episodes, {report.frames} frames, {report.steered} of them steered; {out}")
    if report.rejected:
        print(f"{report.rejected} rejected, each with its reasons in {out}/meta/hiwm.json")
