"""Teams: no team ends up under itself, however the tree was made."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.people.team import is_above

TEAMS = some.sampled_from("abcdef")


@given(some.lists(some.tuples(TEAMS, TEAMS), max_size=30), TEAMS)
def test_a_tree_kept_by_the_rule_never_becomes_a_ring(moves: list[tuple[str, str]], start: str) -> None:
    parents: dict[str, str | None] = {}
    for lower, upper in moves:
        if not is_above(parents, lower, upper):
            parents[lower] = upper
    seen: set[str] = set()
    team: str | None = start
    while team is not None:
        assert team not in seen
        seen.add(team)
        team = parents.get(team)


def test_a_team_is_above_itself_and_those_below() -> None:
    parents: dict[str, str | None] = {"b": "a", "c": "b"}
    assert is_above(parents, "a", "c")
    assert is_above(parents, "c", "c")
    assert not is_above(parents, "c", "a")
