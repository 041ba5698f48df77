"""Notifications: who was told about an incident, by which channel and when."""

from collections.abc import Mapping
from datetime import timedelta

from tocsin.api.kit import Answer, Call, Shown, listed, operation
from tocsin.api.rest.include import Load, include, whole_users
from tocsin.api.rest.log_entry_shape import NOTIFICATION_TYPES
from tocsin.domain.people.permission import Subject, Verb, may
from tocsin.ground.errors import Refused, Why
from tocsin.store.lists import pages_sent
from tocsin.store.lists.pages_sent import SentRow, Wanted

LONGEST_STRETCH = timedelta(days=92)  # three months, as PagerDuty's list allows
CHANNEL_OF_TYPE = {wire: channel for channel, wire in NOTIFICATION_TYPES.items()}
# What became of a page, in the words that PagerDuty's clients know.
STATUS_OF_STATE = {"handed": "success", "delivered": "success", "failed": "failed", "unknown": "unknown"}
LOADS: Mapping[str, tuple[str, Load]] = {"users": ("user", whole_users)}


@operation("GET", "/notifications")
async def list_notifications(call: Call) -> Answer:
    """List the pages that left in a stretch of time, the newest first."""
    stretch, includes = call.stretch(), call.includes(frozenset(LOADS))
    since, until = call.instant("since"), call.instant("until")
    if since is None or until is None:
        raise Refused(Why.MISSING, "Send since and until.")
    if not timedelta() <= until - since <= LONGEST_STRETCH:
        raise Refused(Why.BAD_DATE, "until comes after since, by at most three months.")
    wanted = Wanted(
        since=since, until=until, channels=_channels(call), horizon=call.actor.horizon, reader=call.actor.user_id
    )
    page = await call.store.read(lambda turn: pages_sent.page(turn, wanted, stretch))
    shapes = [_show(call, row) for row in page.rows]
    await include(call, shapes, includes, LOADS)
    return listed("notifications", shapes, page=page, stretch=stretch)


def _channels(call: Call) -> list[str] | None:
    said = call.text("filter")
    if said is None:
        return None
    known = CHANNEL_OF_TYPE.get(said, said.removesuffix("_notification"))
    if not said.endswith("_notification"):
        raise Refused(Why.INVALID, f"filter is one of {', '.join(sorted(CHANNEL_OF_TYPE))}.")
    return [known]


def _show(call: Call, row: SentRow) -> Shown:
    shown: Shown = {
        "id": str(row.id),
        "type": NOTIFICATION_TYPES.get(row.channel, f"{row.channel}_notification"),
        "started_at": call.at(row.started_at),
        "status": STATUS_OF_STATE.get(row.state, row.state),
        "user": call.links.reference("user", row.user_id, row.user_name),
    }
    # An address is shown to those who answer incidents, as everywhere.
    if may(call.actor, Verb.READ, Subject("contact_method", owner_id=row.user_id)):
        shown["address"] = row.address
    return shown
