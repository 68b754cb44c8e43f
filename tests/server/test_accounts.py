"""Who may come in: links, cookies, tickets and codes run out, and work once where they should."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiwm.errors import BadInput
from hiwm.server.accounts import CODE_S, COOKIE_S, TICKET_S, Accounts, NotWelcome
from hiwm.server.database import Database
from hiwm.server.limits import Bucket, FailedLogins
from hiwm.server.wire import Role
from tests.server.test_leases import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Accounts:
    return Accounts(Database(tmp_path / "server.db"), clock)


def test_a_link_logs_in_and_its_cookie_is_remembered(accounts: Accounts) -> None:
    cookie, user = accounts.login(accounts.invite("ada", Role.OPERATOR))
    assert (user.name, user.role) == ("ada", Role.OPERATOR)
    assert accounts.user(cookie) == user
    accounts.logout(cookie)
    assert accounts.user(cookie) is None


def test_links_expire_and_a_new_one_ends_the_old(accounts: Accounts, clock: Clock) -> None:
    old = accounts.invite("ada", Role.OPERATOR)
    new = accounts.invite("ada", Role.OPERATOR, lasts_s=60)
    with pytest.raises(NotWelcome, match="not valid"):
        accounts.login(old)
    clock.now += 61
    with pytest.raises(NotWelcome, match="expired"):
        accounts.login(new)


def test_cookies_run_out(accounts: Accounts, clock: Clock) -> None:
    cookie, _ = accounts.login(accounts.invite("ada", Role.VIEWER))
    clock.now += COOKIE_S + 1
    assert accounts.user(cookie) is None
    assert accounts.user(None) is None
    assert accounts.user("made up") is None


def test_a_ticket_opens_one_socket_soon(accounts: Accounts, clock: Clock) -> None:
    _, user = accounts.login(accounts.invite("ada", Role.OPERATOR))
    ticket, late = accounts.ticket(user), accounts.ticket(user)
    assert accounts.redeem(ticket) == user
    with pytest.raises(NotWelcome):
        accounts.redeem(ticket)
    clock.now += TICKET_S + 1
    with pytest.raises(NotWelcome):
        accounts.redeem(late)


def test_a_code_lets_one_device_steer_for_a_seat(accounts: Accounts, clock: Clock) -> None:
    _, user = accounts.login(accounts.invite("ada", Role.OPERATOR))
    code, late = accounts.code(user, "seat-1"), accounts.code(user, "seat-1")
    _, device = accounts.login_device(f" {code.lower()} ")
    assert (device.name, device.role, device.seat) == ("ada", Role.DEVICE, "seat-1")
    with pytest.raises(NotWelcome):
        accounts.login_device(code)
    clock.now += CODE_S + 1
    with pytest.raises(NotWelcome):
        accounts.login_device(late)


@pytest.mark.parametrize("name", ["", "Ada", "../ada", "a b", "a" * 65, "-a", "\u00e4"])
def test_names_are_plain(accounts: Accounts, name: str) -> None:
    with pytest.raises(BadInput, match="expected a name"):
        accounts.invite(name, Role.OPERATOR)


def test_key_maps_are_kept(accounts: Accounts) -> None:
    accounts.store_keys("ada", {"take_over": "Space"})
    accounts.store_keys("ada", {"take_over": "KeyT"})
    assert accounts.keys("ada") == {"take_over": "KeyT"}
    assert accounts.keys("bob") == {}
    with pytest.raises(BadInput, match="key map"):
        accounts.store_keys("ada", {"x" * 100: "KeyT"})


def test_no_secret_is_in_the_file(accounts: Accounts, tmp_path: Path) -> None:
    token = accounts.invite("ada", Role.ADMIN)
    cookie, _ = accounts.login(token)
    written = b"".join(path.read_bytes() for path in tmp_path.glob("server.db*"))
    assert token.encode() not in written
    assert cookie.encode() not in written


def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    clock = Clock()
    bucket = Bucket(10, 20, clock)
    assert sum(bucket.take() for _ in range(100)) == 20
    clock.now += 0.5
    assert sum(bucket.take() for _ in range(100)) == 5


def test_five_failed_logins_a_minute() -> None:
    clock = Clock()
    failed = FailedLogins(clock)
    for _ in range(5):
        assert not failed.too_many("here")
        failed.count("here")
    assert failed.too_many("here")
    assert not failed.too_many("there")
    clock.now += 13
    assert not failed.too_many("here")
