"""The command that opens the operators' console."""

from __future__ import annotations

from pathlib import Path

from hiwm.errors import BadInput


def serve(
    world: str | None = None,
    policy: str = "push_t",
    sim: str | None = None,
    rollouts: Path | None = None,
    out: Path | None = None,
    scenes: str | None = None,
    look: str = "plain",
    estimator: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8123,
    tls: str | None = None,
    public_url: str | None = None,
    no_browser: bool = False,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Open the operators' console: watch a policy act in a learned world, take over, correct.

    Args:
        world: Folder of a world, or the name of a shipped one; by default push_t.
        policy: Folder of a policy, or a name that hiwm knows.
        sim: Serve this simulated task in place of a world.
        rollouts: Folder of hiwm rollout with what hiwm find-failures found: the inbox.
        out: Folder for sessions, people and exports; without it, one in $HIWM_HOME.
        scenes: Where new sessions begin, as task/split; by default TASK/console, or dataset:FOLDER.
        look: How the scenes look.
        estimator: Folder of an estimator that reads the robot state in uploaded pictures; by default the task's own.
        host: Address to listen at; only this machine by default.
        port: Port to listen at; 0 takes a free one.
        tls: auto for a self-signed certificate, or CERT,KEY.
        public_url: The address that people open, for example https://console.example.org.
        no_browser: Only print the link.
        device: cpu or cuda.
        threads: Threads of the processor for the model.
    """
    from hiwm.runfolder import hiwm_home
    from hiwm.server.hub import HubSettings
    from hiwm.server.model_process import ModelSettings
    from hiwm.server.run import Address
    from hiwm.server.run import serve as run_server

    if sim is not None and world is not None:
        raise BadInput("expected --world or --sim, got both")
    served = None if sim is not None else world or "push_t"
    task = sim or Path(str(served)).name
    values = {"world": served, "sim": sim, "policy": policy, "look": look, "device": device, "threads": threads}
    values["estimator"] = None if estimator is None else str(estimator.resolve())
    begins = scenes or f"{task}/console"
    if begins.startswith("dataset:") and not begins.endswith("/first"):
        begins += "/first"
    settings = HubSettings(
        root=(out or hiwm_home() / "console" / task).resolve(),
        model=ModelSettings(values={**values, "scenes": begins}),
        scenes=begins,
        rollouts=rollouts,
    )
    run_server(settings, Address(host, port, tls, public_url), browser=not no_browser)
