"""Which message goes by which `type`, up and down."""

from __future__ import annotations

from hiwm.server.wire import (
    Ack,
    Command,
    Device,
    Durable,
    Error,
    Event,
    Ghost,
    GhostReady,
    Heartbeat,
    Hello,
    Input,
    Item,
    Lease,
    NewScene,
    Next,
    Open,
    Pair,
    PairCode,
    Pulse,
    SessionInfo,
    State,
    Step,
    Timing,
    Welcome,
)

type Up = Hello | Open | Next | NewScene | Input | Command | Ack | Heartbeat | Pair | Ghost
type Down = (
    Welcome
    | SessionInfo
    | State
    | Step
    | Event
    | Durable
    | Lease
    | Error
    | Timing
    | Pulse
    | Item
    | PairCode
    | Device
    | GhostReady
)

UP: dict[str, type] = {
    "hello": Hello,
    "open": Open,
    "next": Next,
    "new_scene": NewScene,
    "input": Input,
    "command": Command,
    "ack": Ack,
    "heartbeat": Heartbeat,
    "pair": Pair,
    "ghost": Ghost,
}
DOWN: dict[str, type] = {
    "welcome": Welcome,
    "session": SessionInfo,
    "state": State,
    "step": Step,
    "event": Event,
    "durable": Durable,
    "lease": Lease,
    "error": Error,
    "timing": Timing,
    "pulse": Pulse,
    "item": Item,
    "pair_code": PairCode,
    "device": Device,
    "ghost_ready": GhostReady,
}
