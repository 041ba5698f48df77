"""Gather: everything that the guard looks at, and how to name it, read in one transaction."""

from datetime import datetime

from msgspec import Struct

from tocsin.domain.oncall.finding import Facts, Finding, PolicyFacts
from tocsin.domain.oncall.finding_words import Names
from tocsin.store.calendars import stale, unmatched
from tocsin.store.coverage.facts import Wanted, people, policies
from tocsin.store.covers import absences_of, in_conflict
from tocsin.store.schedules import rows
from tocsin.store.turn import Turn

_FEW = 3  # names of one sentence


class Gathered(Struct, kw_only=True):
    """What was read: the facts, and the teams of what they are about, by policy id."""

    facts: Facts
    team_of_policy: dict[str, str | None]

    def names(self, time_zone: str) -> Names:
        """Return how findings name things, with instants in this zone."""
        facts = self.facts
        policy_names = {each.policy.id: each.policy.name for each in facts.policies}
        return Names(
            policy=lambda policy_id: policy_names.get(policy_id, policy_id),
            schedule=lambda key: facts.timelines[key].schedule.name if key in facts.timelines else key,
            user=lambda user_id: facts.people[user_id].name if user_id in facts.people else user_id,
            time_zone=time_zone,
        )

    def concerns(self, policy: PolicyFacts, *, schedule_id: str | None, user_id: str | None) -> bool:
        """Say whether a policy calls by this schedule, or calls this person in any way."""
        for level in policy.policy.levels:
            for target in level.targets:
                timeline = self.facts.timelines.get(target.id)
                if target.id in (schedule_id, user_id) or (timeline is not None and user_id in timeline.members()):
                    return True
        return False


async def gather(turn: Turn, wanted: Wanted, since: datetime, until: datetime) -> Gathered:
    """Read the policies wanted, with the schedules that they name and the people whom those call, for a stretch."""
    found = await policies(turn, wanted)
    schedule_ids = sorted(_targets(found, "schedule"))
    timelines = await rows.timelines(turn, schedule_ids, since=since)
    ids = _targets(found, "user") | {user_id for each in timelines.values() for user_id in each.members()}
    facts = Facts(
        policies=found,
        timelines=timelines,
        people=await people(turn, ids),
        away=await absences_of(turn, ids, since, until) if ids else (),
        remarks=await _remarks(turn, schedule_ids) if schedule_ids else (),
    )
    return Gathered(facts=facts, team_of_policy={each.policy.id: each.team_id for each in found})


async def _remarks(turn: Turn, schedule_ids: list[str]) -> list[Finding]:
    """Return what is known to be wrong with these schedules beside their own shifts: cover, and calendars."""
    remarks = [
        Finding(
            kind="cover_conflict",
            schedule_id=row.schedule_id,
            user_id=row.asker_id,
            subject=" ".join(row.faults),
            stretches=((row.start_at, row.end_at),),
            times=1,
            total_s=int((row.end_at - row.start_at).total_seconds()),
        )
        for row in await in_conflict(turn, schedule_ids)
    ]
    for late in await stale(turn, schedule_ids):
        says = f"the calendar {late.name} could not be read since {late.since:%Y-%m-%d %H:%M} UTC"
        remarks.append(Finding(kind="calendar_stale", schedule_id=late.schedule_id, subject=says))
    for strange in await unmatched(turn, schedule_ids):
        names = ", ".join(each.text for each in strange.texts[:_FEW])
        says = f"the calendar {strange.name} names {len(strange.texts)} whom nobody here is, among them {names}"
        remarks.append(Finding(kind="calendar_unmatched", schedule_id=strange.schedule_id, subject=says))
    return remarks


def _targets(found: list[PolicyFacts], kind: str) -> set[str]:
    return {
        target.id for each in found for level in each.policy.levels for target in level.targets if target.kind == kind
    }
