"""Policies by what a person types: a simple or shipped one's name, a folder, a published name, a remote address."""

from __future__ import annotations

from pathlib import Path

from hiwm.errors import BadInput
from hiwm.interfaces import Policy
from hiwm.policies.checkpoint import CONFIG
from hiwm.spec import RobotSpec

POLICIES = Path(__file__).parents[1] / "assets" / "policies"
SIMPLE = ("hold", "zero", "random")


def load_policy(name_or_folder: str, spec: RobotSpec, *, device: str = "cpu", task_prompt: str = "") -> Policy:
    """A policy for a robot.

    Known: hold, zero, random, replay:DATASET:EPISODE, ws://host:port (openpi's protocol), the name of a shipped one, a
    folder with a LeRobot policy, owner/name of a published one. task_prompt: for policies that are told what to do;
    empty takes the one they were trained with. Raises SpecMismatch, BadCheckpoint and BadInput.
    """
    if name_or_folder in SIMPLE:
        from hiwm.policies.simple import simple_policy

        return simple_policy(name_or_folder, spec)
    if name_or_folder.startswith("replay:"):
        from hiwm.policies.simple import open_replay

        return open_replay(name_or_folder.removeprefix("replay:"), spec)
    if name_or_folder.startswith(("ws://", "wss://")):
        from hiwm.policies.remote import RemotePolicy

        return RemotePolicy(name_or_folder, spec, task_prompt)
    from hiwm.policies.adapter import LeRobotPolicy
    from hiwm.policies.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(find_folder(name_or_folder), device)
    return LeRobotPolicy(checkpoint, spec, task_prompt or str(checkpoint.about.get("prompt", "")), device)


def shipped_policies(place: Path = POLICIES) -> dict[str, Path]:
    """Folders of the policies that come with the package, by name."""
    return {path.parent.name: path.parent for path in sorted(place.glob(f"*/{CONFIG}"))}


def find_folder(name_or_folder: str | Path) -> Path:
    """The folder of a policy: that folder, a shipped one's, or one fetched from the Hugging Face hub.

    Raises BadInput where there is none.
    """
    folder, shipped = Path(name_or_folder), shipped_policies()
    if folder.is_dir():
        return folder
    if str(name_or_folder) in shipped:
        return shipped[str(name_or_folder)]
    parts = str(name_or_folder).split("/")
    if len(parts) == 2 and all(parts) and parts[0] not in (".", "..", "~"):
        return _fetched(str(name_or_folder))
    known = [*SIMPLE, "replay:DATASET:EPISODE", "ws://HOST:PORT", *shipped]
    raise BadInput(
        f"no policy {name_or_folder}: expected a folder, owner/name of a published policy, or one of "
        f"{', '.join(known)}; train one with hiwm train-policy"
    )


def _fetched(name: str) -> Path:
    """A published policy, kept in the hub's own cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        return Path(snapshot_download(name))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise BadInput(
            f"no folder {name}, and the published policy of that name cannot be fetched "
            f"({type(error).__name__}: {' '.join(str(error).split())[:120]}); check the name, the network, and whether "
            "it asks for a login"
        ) from error
