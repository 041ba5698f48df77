"""Feed: what happens, in order and without gaps, for programs that follow along; our own addition to the API."""

from datetime import UTC

from tocsin.api.kit import Answer, Call, allow, operation, show_instant
from tocsin.domain.people.permission import Subject, Verb
from tocsin.engine.tell import tell
from tocsin.ground.errors import Refused, Why

LONGEST_WAIT_S = 30  # seconds; shorter than the patience of proxies in front
MOST_FACTS = 500  # of one answer; whoever is behind asks again at once


@operation("GET", "/api/feed")
async def follow(call: Call) -> Answer:
    """Return the facts after the place `after`, waiting `wait` seconds for the first one when there is none.

    Without `after` it begins with what happens from now on. Pass the answer's `place` as `after` to go on. Facts are
    of the whole account, so people who see their teams only are refused.
    """
    allow(call.actor, Verb.READ, Subject("incident"))
    if call.actor.horizon is not None:
        raise Refused(Why.FORBIDDEN, "The feed tells of the whole account, and this role sees its teams only.")
    patience_s = min(call.number("wait", 0), LONGEST_WAIT_S)
    most = min(call.number("limit", MOST_FACTS), MOST_FACTS)
    try:
        told = await tell(call.store, call.text("after"), patience_s=float(patience_s), most=max(most, 1))
    except ValueError as failure:
        raise Refused(Why.INVALID, "after is not a place in the feed: pass on an earlier answer's place.") from failure
    facts = [
        {"at": show_instant(fact.at, UTC), "kind": fact.kind, "subject_id": fact.subject_id, "body": fact.body}
        for fact in told.facts
    ]
    return Answer(200, {"facts": facts, "place": told.place})
