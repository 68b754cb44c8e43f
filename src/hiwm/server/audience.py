"""The seats that look at one session, and what they are sent."""

from __future__ import annotations

from collections.abc import Callable

from hiwm.rollout import Node
from hiwm.server.frames import jpeg
from hiwm.server.messages import Down
from hiwm.server.seat import Seat
from hiwm.spec import RobotSpec


class Audience:
    """Each picture is encoded once, however many look."""

    def __init__(self, spec: RobotSpec) -> None:
        self.spec = spec
        self.seats: list[Seat] = []

    def of_client(self, client: str) -> Seat | None:
        """The seat of a client, None where it does not look."""
        return next((seat for seat in self.seats if seat.client == client), None)

    def tell(self, message: Down) -> None:
        """Sends a message to all."""
        for seat in self.seats:
            seat.send(message)

    def tell_each(self, message: Callable[[Seat], Down]) -> None:
        """Sends each seat its own message."""
        for seat in self.seats:
            seat.send(message(seat))

    def tell_client(self, client: str, message: Down) -> None:
        """Sends a message to one client, if it is here."""
        seat = self.of_client(client)
        if seat is not None:
            seat.send(message)

    def show(self, branch: int, node_id: int, node: Node, only: Seat | None = None) -> None:
        """Offers the pictures of a node to all, or to one."""
        seats = self.seats if only is None else [only]
        if seats:
            pictures = [jpeg(node.observation.images[camera.name]) for camera in self.spec.cameras]
            for seat in seats:
                seat.show(branch, node_id, node.step, pictures)
