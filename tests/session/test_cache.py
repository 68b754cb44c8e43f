"""What was used last stays, up to the limit."""

from __future__ import annotations

from hiwm.session.cache import Recent


def test_the_longest_unused_goes_first() -> None:
    recent: Recent[int, str] = Recent(100)
    for key in range(3):
        recent.put(key, f"value {key}", 40)
    assert [recent.get(key) for key in range(3)] == [None, "value 1", "value 2"]
    recent.get(1)
    recent.put(3, "value 3", 40)
    assert [recent.get(key) for key in (1, 2, 3)] == ["value 1", None, "value 3"]
    assert (len(recent), recent.held_bytes) == (2, 80)


def test_an_entry_is_replaced_and_the_newest_always_held() -> None:
    recent: Recent[str, int] = Recent(100)
    recent.put("a", 1, 60)
    recent.put("a", 2, 30)
    assert (recent.get("a"), recent.held_bytes) == (2, 30)
    recent.put("b", 3, 1000)
    assert (recent.get("a"), recent.get("b"), recent.held_bytes) == (None, 3, 1000)
    recent.clear()
    assert (len(recent), recent.held_bytes, recent.get("b")) == (0, 0, None)
