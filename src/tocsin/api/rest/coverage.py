"""Coverage: what will be wrong with the nights to come, asked before they come; our own addition to the API."""

import asyncio
from datetime import UTC, datetime, timedelta

from tocsin.api.kit import Answer, Call, Shown, operation, show_instant
from tocsin.api.kit.answer import OK
from tocsin.domain.oncall.coverage import examine
from tocsin.domain.oncall.finding import Finding
from tocsin.domain.oncall.finding_words import Names, advice, sentence
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.store.coverage.facts import Wanted
from tocsin.store.coverage.gather import Gathered, gather
from tocsin.store.turn import Store, Turn

DEFAULT_DAYS = 90
SOON = timedelta(days=14)  # how far ahead a change of configuration is checked: two turns of a weekly rotation
MOST_DAYS = 366
_VERDICTS = ("fail", "warn", "note")


@operation("GET", "/api/coverage")
async def show_coverage(call: Call) -> Answer:
    """Look ahead and list what will be wrong: gaps, empty levels, people who cannot be reached, clock changes."""
    stretch = call.stretch()
    days = call.number("days", DEFAULT_DAYS)
    if not 1 <= days <= MOST_DAYS:
        raise Refused(Why.INVALID, f"days is 1 to {MOST_DAYS}.")
    verdicts = call.many("verdicts") or list(_VERDICTS)
    if unknown := sorted(set(verdicts) - set(_VERDICTS)):
        raise Refused(Why.INVALID, f"verdicts[] does not know {unknown[0]}: there are fail, warn and note.")
    kinds = frozenset(call.many("kinds"))
    wanted = Wanted(
        horizon=call.actor.horizon,
        policy_ids=call.many("escalation_policy_ids") or None,
        team_ids=call.many("team_ids") or None,
        schedule_ids=call.many("schedule_ids") or None,
    )
    since = call.instant("since")

    async def job(turn: Turn) -> tuple[Gathered, datetime, datetime]:
        begin = since or turn.now
        end = begin + timedelta(days=days)
        return await gather(turn, wanted, begin, end), begin, end

    gathered, begin, end = await call.store.read(job)
    # Some thousand shifts take a second of processor time: on the side, so that doors and pages go on meanwhile.
    everything = await asyncio.to_thread(examine, gathered.facts, begin, end)
    chosen = [each for each in everything if each.verdict in verdicts and (not kinds or each.kind in kinds)]
    names = gathered.names(call.text("time_zone") or "Etc/UTC")
    rows = chosen[stretch.offset : stretch.offset + stretch.limit]
    looked_at = {
        "since": show_instant(begin, UTC),
        "until": show_instant(end, UTC),
        "escalation_policies": len(gathered.facts.policies),
        "schedules": len(gathered.facts.timelines),
        "users": len(gathered.facts.people),
        **{f"{verdict}s": sum(each.verdict == verdict for each in everything) for verdict in _VERDICTS},
    }
    return Answer(
        OK,
        {
            "coverage": looked_at,
            "findings": [_face(call, each, names) for each in rows],
            "limit": stretch.limit,
            "offset": stretch.offset,
            "more": len(chosen) > stretch.offset + stretch.limit,
            "total": len(chosen) if stretch.total else None,
        },
    )


async def policy_warnings(store: Store, policy_id: str) -> tuple[str, ...]:
    """Return a sentence for each thing that is wrong with a policy that was just written; none where all is well.

    It is looked for after the commit, where nobody waits for it; without the database there are none.
    """

    async def job(turn: Turn) -> tuple[Gathered, datetime]:
        return await gather(turn, Wanted(policy_ids=[policy_id]), turn.now, turn.now + SOON), turn.now

    try:
        gathered, now = await store.read(job)
    except StoreUnavailable:
        return ()
    names = gathered.names("Etc/UTC")
    found = await asyncio.to_thread(examine, gathered.facts, now, now + SOON)
    return tuple(sentence(finding, names) for finding in found if finding.verdict != "note")


def _face(call: Call, finding: Finding, names: Names) -> Shown:
    links = call.links
    named = (
        ("escalation_policy", finding.policy_id, names.policy),
        ("schedule", finding.schedule_id, names.schedule),
        ("user", finding.user_id, names.user),
    )
    face: Shown = {
        "kind": finding.kind,
        "verdict": finding.verdict,
        "text": sentence(finding, names),
        "advice": advice(finding),
        "level": finding.level,
        "other_level": finding.other_level,
        "subject": finding.subject,
        "stretches": [{"start": call.at(start), "end": call.at(end)} for start, end in finding.stretches],
        "times": finding.times,
        "total_seconds": finding.total_s,
    }
    for kind, key, name in named:
        face[kind] = None if key is None else links.reference(kind, key, name(key))
    return face
