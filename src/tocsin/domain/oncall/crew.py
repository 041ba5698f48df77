"""The crew: who can be called at one instant, and how each of them wants to be told."""

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct

from tocsin.domain.oncall.policy import Level, Target


class Way(Struct, frozen=True):
    """One notification rule of a person: after `delay`, try this contact method."""

    rule_id: str
    contact_method_id: str
    channel: str
    delay: timedelta


class Person(Struct, frozen=True):
    """Somebody who can be called: a name for the log, and ways per urgency, soonest first."""

    id: str
    name: str
    high: tuple[Way, ...] = ()
    low: tuple[Way, ...] = ()

    def ways(self, urgency: str) -> tuple[Way, ...]:
        """Return the ways for this urgency."""
        return self.high if urgency == "high" else self.low


class Crew(Struct):
    """Everything about people that a decision needs, read once for its transaction.

    `on_call` maps a target to the ids of the people behind it now; `fallbacks` are tried in order when a whole
    policy has nobody: the service's fallback, the team, the last-resort list. `turns` counts, per round-robin
    level, how often it was called; calling one here moves it on. `recent` counts the pages that each person got
    of late, so that the first ones of a calm minute go before those of a storm.
    """

    people: Mapping[str, Person]
    on_call: Mapping[Target, tuple[str, ...]]
    fallbacks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    turns: dict[str, int] = {}
    moved_turns: set[str] = set()
    recent: dict[str, int] = {}

    def called_by(self, level: Level) -> tuple[str, ...]:
        """Return the ids of the people whom this level calls now, each once, in the order of its targets.

        A round-robin level calls the next target that has somebody. People who cannot be reached at all, because
        they were removed or have no contact method, do not count as somebody.
        """
        groups = [self.reachable(self.on_call.get(target, ())) for target in level.targets]
        if level.strategy != "round_robin":
            return tuple(dict.fromkeys(user_id for group in groups for user_id in group))
        turn = self.turns.get(level.id, 0)
        for step in range(len(groups)):
            group = groups[(turn + step) % len(groups)]
            if group:
                self.turns[level.id] = turn + step + 1
                self.moved_turns.add(level.id)
                return group
        return ()

    def reachable(self, user_ids: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the people who have at least one way to be told."""
        return tuple(
            user_id
            for user_id in user_ids
            if (person := self.people.get(user_id)) is not None and (person.high or person.low)
        )
