"""Feeds: addresses under which somebody's calendar fetches who is on call; each is a secret and can be revoked."""

from typing import Literal

from msgspec import Struct

from tocsin.api.kit import Answer, Call, Shown, allow, gone, listed, operation, reach, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.rest.calendars.address import PURPOSE, path_of
from tocsin.api.rest.schedules.reach import seen
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import audit, pages, teams, users
from tocsin.store.calendars import feeds
from tocsin.store.calendars.feeds import FeedRow
from tocsin.store.turn import Turn

KIND = "calendar_feed"
MOST_FEEDS = 50  # of one person; a person has some schedules and some devices


class FeedBody(Struct, frozen=True):
    """What a client says about a feed it wants: of which thing, of whose shifts, and whether with the gaps."""

    kind: Literal["schedule", "user", "team"]
    id: str
    people: Literal["everybody", "only_me"] = "everybody"
    gaps: bool = False


@operation("GET", "/api/calendar_feeds")
async def list_feeds(call: Call) -> Answer:
    """List the live feeds of the caller, or of the person in `user_id`, oldest first."""
    stretch = call.stretch()
    owner_id = call.text("user_id") or call.actor.user_id
    allow(call.actor, Verb.READ, Subject("token", owner_id=owner_id))

    async def job(turn: Turn) -> Answer:
        page = await pages.page(turn, feeds.LIST, {"user_id": owner_id or ""}, stretch=stretch, count=feeds.COUNT)
        return listed("calendar_feeds", [_face(call, row) for row in page.rows], page=page, stretch=stretch)

    return await call.store.read(job)


@operation("POST", "/api/calendar_feeds", needs_person=True)
async def create_feed(call: Call) -> Answer:
    """Make an address that whoever knows it can subscribe to; it shows what its maker may see."""
    wanted = call.body(FeedBody, wrap=KIND)
    owner_id = call.actor.user_id
    allow(call.actor, Verb.CREATE, Subject("token", owner_id=owner_id))
    if owner_id is None:
        raise Refused(Why.REQUESTER_UNKNOWN, "A feed belongs to a person: send the header From.")
    if wanted.kind == "user" and (wanted.gaps or wanted.people == "only_me"):
        raise Refused(Why.INVALID, "A person's feed has that person's shifts only: leave people and gaps out.")

    async def job(turn: Turn) -> Answer:
        await _check_subject(turn, call, wanted)
        if (await turn.one(feeds.COUNT, {"user_id": owner_id})).n >= MOST_FEEDS:
            raise Refused(Why.INVALID, f"A person has at most {MOST_FEEDS} feeds: revoke those that nobody fetches.")
        feed_id = new_id()
        chosen = {"kind": wanted.kind, "subject_id": wanted.id, "only_me": wanted.people == "only_me"}
        told = {**chosen, "gaps": wanted.gaps}
        await turn.run(feeds.ADD, {**told, "id": feed_id, "user_id": owner_id, "now": turn.now})
        await audit.record(turn, call.actor, "create", (KIND, feed_id), {**told, "user_id": owner_id})
        return shown(KIND, _face(call, await turn.one(feeds.BY_ID, {"id": feed_id})), status=CREATED)

    return await call.store.work(job)


@operation("GET", "/api/calendar_feeds/{id}")
async def show_feed(call: Call) -> Answer:
    """Show a feed with its address, and who fetched it last."""

    async def job(turn: Turn) -> Answer:
        return shown(KIND, _face(call, await _reached(turn, call, Verb.READ)))

    return await call.store.read(job)


@operation("DELETE", "/api/calendar_feeds/{id}")
async def revoke_feed(call: Call) -> Answer:
    """Revoke a feed: its address answers nothing from this instant on."""

    async def job(turn: Turn) -> Answer:
        row = await _reached(turn, call, Verb.DELETE)
        await turn.run(feeds.REVOKE, {"id": row.id, "now": turn.now})
        await audit.record(turn, call.actor, "delete", (KIND, row.id), {})
        return gone()

    return await call.store.work(job)


async def _check_subject(turn: Turn, call: Call, wanted: FeedBody) -> None:
    """Refuse a feed of what is not there or cannot be seen."""
    if wanted.kind == "schedule":
        kept = await seen(turn, call.actor, wanted.id)
        allow(call.actor, Verb.READ, kept.subject(call.actor))
    elif wanted.kind == "team":
        await reach(turn, call.actor, query=teams.BY_ID, key=wanted.id, to=Verb.READ)
    else:
        await reach(turn, call.actor, query=users.BY_ID, key=wanted.id, to=Verb.READ)


async def _reached(turn: Turn, call: Call, verb: Verb) -> FeedRow:
    """Return the live feed in the path; somebody else's is shown to those who govern the account only."""
    row = await turn.maybe(feeds.BY_ID, {"id": call.path["id"]})
    if row is None or row.revoked_at is not None:
        raise Refused(Why.NOT_FOUND, "There is no calendar feed with this id.")
    allow(call.actor, verb, Subject("token", owner_id=row.user_id))
    return row


def _face(call: Call, row: FeedRow) -> Shown:
    face: Shown = {
        "id": row.id,
        "type": KIND,
        "kind": row.kind,
        "subject": call.links.reference(row.kind, row.subject_id, row.subject_name, deleted=row.subject_name is None),
        "people": "only_me" if row.only_me else "everybody",
        "gaps": row.gaps,
        "user": call.links.reference("user", row.user_id, None),
        "created_at": call.at(row.created_at),
        "fetched_at": None if row.fetched_at is None else call.at(row.fetched_at),
        "fetched_by": row.agent,
    }
    if call.actor.user_id == row.user_id:
        address = call.links.public_url + path_of(call.house.keyring.derive(PURPOSE), row.id)
        face |= {"http_url": address, "web_url": f"webcal://{address.partition('://')[2]}"}
    return face
