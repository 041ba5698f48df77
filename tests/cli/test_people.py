"""People: users and tokens are made from a shell, with a node and without one."""

import pytest

from tests.cli.shell import PASSWORD, serving, shell
from tests.cli.town_hall import Hall

pytestmark = pytest.mark.xdist_group("cli")


def test_users_are_added_and_listed(town_hall: Hall) -> None:
    place = town_hall.shell
    made = place.json("user", "create", "Bo Brandt", "bo@example.org", "--role", "limited_user")["user"]
    assert made["role"] == "limited_user"
    assert "Bo Brandt" in place.run("user", "list", "--query", "brandt").out
    assert place.run("user", "create", "Bo again", "bo@example.org").code == 1
    assert place.run("user", "create", "Bo", "bo@example.org", "--role", "emperor").code == 2


def test_a_token_is_shown_once_and_dies_when_revoked(town_hall: Hall) -> None:
    place = town_hall.shell
    made = place.json("token", "create", "laptop", "--read-only")["token"]
    assert place.run("user", "list", TOCSIN_TOKEN=made["token"]).code == 0
    assert place.run("user", "create", "X", "x@example.org", TOCSIN_TOKEN=made["token"]).code == 1
    listed = place.run("token", "list")
    assert "laptop" in listed.out
    assert made["token"] not in listed.out
    assert place.run("token", "revoke", made["id"]).code == 0
    assert place.run("token", "revoke", made["id"]).code in {1, 4}
    for _ in range(20):
        if place.run("user", "list", TOCSIN_TOKEN=made["token"]).code == 1:
            return
    raise AssertionError("the revoked token still works")


def test_a_lost_token_is_replaced_on_the_machine_itself(town_hall: Hall) -> None:
    place = town_hall.shell
    made = place.json("token", "create", "rescue", "--local", "--user", "ann@example.org")["token"]
    assert made["token"].startswith("u+")
    assert place.run("user", "list", TOCSIN_TOKEN=made["token"]).code == 0
    assert place.run("token", "create", "x", "--local", "--user", "nobody@example.org").code == 4


def test_the_first_owner_needs_no_browser() -> None:
    with shell() as place:
        create = ("user", "create", "Ada", "ada@example.org", "--local", "--password-stdin")
        assert place.run(*create, stdin="short\n").code == 1
        owner = place.json(*create, stdin=PASSWORD + "\n")
        assert place.run(*create, stdin=PASSWORD + "\n").code == 1
        with serving(place) as node:
            assert node.said["setup_token"] is None
            place.variables |= {"TOCSIN_URL": node.said["http"], "TOCSIN_TOKEN": owner["api_token"]}
            assert [one["role"] for one in place.json("user", "list")["users"]] == ["owner"]
