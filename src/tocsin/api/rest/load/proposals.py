"""Proposals: a fairer order for the coming turns of a schedule, and putting it in force by overrides."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from tocsin.api.kit import Answer, Call, Shown, allow, operation, parse_instant, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.rest.load.proposal_question import AROUND, Wish, asked, schedule_with
from tocsin.api.rest.load.proposal_shape import show_proposal
from tocsin.domain.oncall.proposal import MOST_MEMBERS, MOST_TURNS, propose
from tocsin.domain.oncall.proposal_turns import OpenTurn, open_turns
from tocsin.domain.oncall.schedule import Override
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import audit
from tocsin.store.load import gather
from tocsin.store.schedules import overrides, write
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn

KEY = "proposal"
LONGEST = timedelta(days=180)  # ahead: nobody knows their holidays beyond half a year
MOST_OVERRIDES = 1000  # of one proposal that is put in force: all in one transaction


class Ask(Struct, frozen=True, kw_only=True):
    """What a client asks: which schedule and stretch, which rules, and among whom; none named means all members."""

    schedule_id: str
    since: str
    until: str
    max_consecutive_nights: Annotated[int, Meta(ge=1, le=366)] = 7
    min_rest_hours: Annotated[float, Meta(ge=0, le=744)] = 0
    members: Annotated[list[str], Meta(max_length=MOST_MEMBERS)] = []
    layer_ids: list[str] = []
    seed: Annotated[int, Meta(ge=0, le=2**31)] = 0


class Ref(Struct, frozen=True):
    """Something by its id."""

    id: str


class Given(Struct, frozen=True):
    """One turn of a proposal: whose it is, and whose it should be."""

    turn: str
    start: str
    end: str
    before: Ref
    after: Ref


class Apply(Struct, frozen=True):
    """A proposal as it was answered; of it the schedule and the turns count."""

    schedule: Ref
    turns: Annotated[list[Given], Meta(max_length=MOST_TURNS)]


@operation("POST", "/api/proposals", reads=True)
async def ask_for_proposal(call: Call) -> Answer:
    """Propose a fairer order for the coming turns of a schedule; nothing is changed by asking."""
    ask = call.body(Ask, wrap=KEY)
    since, until = _instant(call, ask.since, "since"), _instant(call, ask.until, "until")
    if not timedelta() < until - since <= LONGEST:
        raise Refused(Why.BAD_DATE, f"until comes after since, by at most {LONGEST.days} days.")
    wish = Wish(
        schedule_id=ask.schedule_id,
        window=(since, until),
        most_nights=ask.max_consecutive_nights,
        rest=timedelta(hours=ask.min_rest_hours),
        member_ids=tuple(dict.fromkeys(ask.members)),
        layer_ids=tuple(ask.layer_ids),
        seed=ask.seed,
        horizon=call.actor.horizon,
    )
    found = await call.store.read(lambda turn: asked(turn, wish))
    # A half year of turns takes seconds of processor time: on the side, so that doors and pages go on meanwhile.
    proposal = await asyncio.to_thread(propose, found.question)
    return shown(KEY, show_proposal(call, found, proposal))


@operation("POST", "/api/proposals/apply")
async def apply_proposal(call: Call) -> Answer:
    """Put a proposal in force: write an override for each turn that changes hands, all or none.

    It is refused as a conflict when the schedule has changed meanwhile, so that nobody gets what was not proposed.
    """
    body = call.body(Apply, wrap=KEY)
    changed = [given for given in body.turns if given.before.id != given.after.id]

    async def job(turn: Turn) -> Answer:
        seen = await schedule_with(turn, body.schedule.id, call.actor.horizon)
        allow(call.actor, Verb.CREATE, Subject("override", team_id=seen.subject(call.actor).team_id))
        await write.hold(turn, body.schedule.id)
        kept = await schedule_with(turn, body.schedule.id, call.actor.horizon)
        await _check_people(turn, {given.after.id for given in changed})
        made = _overrides(call, kept, changed, now=turn.now)
        for override in made:
            await overrides.add(turn, kept.schedule.id, override, call.actor)
            await audit.record(turn, call.actor, "create", ("override", override.id), _facts(kept, override))
        return shown("overrides", [_show(call, override) for override in made], status=CREATED)

    return await call.store.work(job)


def _instant(call: Call, said: str, name: str) -> datetime:
    return parse_instant(said, call.time_zone(), name=name).replace(microsecond=0)


async def _check_people(turn: Turn, user_ids: set[str]) -> None:
    known = await gather.people(turn, user_ids)
    missing = sorted(each for each in user_ids if each not in known or known[each].deleted_at is not None)
    if missing:
        raise Refused(Why.INVALID, f"There is no user {missing[0]}: ask for a new proposal.")


def _overrides(call: Call, kept: Kept, changed: list[Given], *, now: datetime) -> list[Override]:
    """Return an override for each part of each turn that changes hands."""
    if not changed:
        return []
    schedule = kept.schedule
    end = max(_instant(call, given.end, "end") for given in changed)
    shifts = kept.timeline().final(now - AROUND, end + AROUND, whole=True)
    turns, _ = open_turns(shifts, schedule.layers, (now, end), time_zone=schedule.time_zone)
    known = {turn.key: turn for turn in turns}
    made = []
    for given in changed:
        turn = known.get(given.turn)
        if turn is None or not _is_same(call, turn, given):
            raise Refused(
                Why.CONFLICT,
                f"The turn from {given.start} is no longer what it was: ask for a new proposal.",
            )
        for start, until in turn.parts:
            override = Override(id=new_id(), start=start, end=until, user_id=given.after.id)
            made.append(override if schedule.stacked else _in_layer(override, turn))
    if len(made) > MOST_OVERRIDES:
        raise Refused(Why.TOO_LARGE, f"A proposal makes at most {MOST_OVERRIDES} overrides: ask for a shorter one.")
    return made


def _is_same(call: Call, turn: OpenTurn, given: Given) -> bool:
    edges = _instant(call, given.start, "start"), _instant(call, given.end, "end")
    return turn.holder == given.before.id and (turn.start, turn.end) == edges


def _in_layer(override: Override, turn: OpenTurn) -> Override:
    """Where layers are on call in parallel, an override replaces one person in one layer."""
    return Override(
        id=override.id,
        start=override.start,
        end=override.end,
        user_id=override.user_id,
        layer_id=turn.layer_id,
        replaced_user_id=turn.holder,
    )


def _facts(kept: Kept, override: Override) -> dict[str, object]:
    return {
        "schedule_id": {"after": kept.schedule.id},
        "user_id": {"before": override.replaced_user_id, "after": override.user_id},
        "start": {"after": override.start},
        "end": {"after": override.end},
        "why": {"after": "a proposal was put in force"},
    }


def _show(call: Call, override: Override) -> Shown:
    return {
        "id": override.id,
        "start": call.at(override.start),
        "end": call.at(override.end),
        "user": call.links.reference("user", str(override.user_id), None),
    }
