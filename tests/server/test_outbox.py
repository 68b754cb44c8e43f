"""Credit: at most two unseen frames, the newest replaces what waits, control is never dropped."""

from __future__ import annotations

import pytest

from hiwm.server.outbox import MOST_WAITING_BYTES, Outbox, SeatIsStuck


def test_a_seat_that_acknowledges_nothing_gets_two_frames() -> None:
    outbox, sent = Outbox(), []
    for frame in range(1, 100):
        outbox.put_frame(frame, [b"%d" % frame])
        sent += outbox.take()
    assert sent == [b"1", b"2"]
    assert outbox.unseen == 2


def test_the_newest_frame_is_the_one_that_waits() -> None:
    outbox = Outbox()
    for frame in range(1, 6):
        outbox.put_frame(frame, [b"%d" % frame])
        outbox.take()
    outbox.ack(2)
    assert outbox.take() == [b"5"]
    assert outbox.dropped == 2


def test_control_comes_first_in_order_and_without_credit() -> None:
    outbox = Outbox()
    for frame in (1, 2, 3):
        outbox.put_frame(frame, [b"frame"])
        outbox.take()
    outbox.put_control(b"a")
    outbox.put_control(b"b")
    assert outbox.take() == [b"a", b"b"]


def test_all_cameras_of_a_moment_are_one_frame() -> None:
    outbox = Outbox()
    outbox.put_frame(1, [b"top", b"side"])
    assert outbox.take() == [b"top", b"side"]
    assert outbox.unseen == 1


def test_a_seat_that_does_not_read_is_found_out_before_memory_is_gone() -> None:
    outbox = Outbox()
    for _ in range(MOST_WAITING_BYTES // 1000):
        outbox.put_control(b"x" * 1000)
    with pytest.raises(SeatIsStuck):
        outbox.put_control(b"x" * 1000)
    assert outbox.waiting_bytes < MOST_WAITING_BYTES + 2000


def test_what_waits_is_forgotten_when_the_seat_looks_elsewhere() -> None:
    outbox = Outbox()
    outbox.put_frame(1, [b"old"])
    outbox.forget_frame()
    assert outbox.take() == []
