"""Refusals on the wire: the one table that turns a reason into a status, PagerDuty's code and a text."""

from typing import NamedTuple

from tocsin.api.kit.answer import Answer
from tocsin.ground.errors import Refused, StoreUnavailable, Why

RETRY_AFTER_S = 2  # seconds; PostgreSQL restarts and fails over in about that time


class Said(NamedTuple):
    """How a reason is said on the wire."""

    status: int
    code: int
    message: str


# Validation is always 400: Terraform's provider takes 400 as final and repeats nearly everything else for minutes.
_INVALID = "Invalid Input Provided"

TABLE: dict[Why, Said] = {
    Why.INVALID: Said(400, 2001, _INVALID),
    Why.MISSING: Said(400, 2003, "Required arguments are missing"),
    Why.CONFLICT: Said(400, 2001, _INVALID),
    Why.IN_USE: Said(400, 2001, _INVALID),
    Why.NOT_FOUND: Said(404, 2100, "Not Found"),
    Why.UNAUTHENTICATED: Said(401, 2006, "Authentication is missing or not valid"),
    Why.FORBIDDEN: Said(403, 2010, "Access Denied"),
    Why.TOO_MANY: Said(413, 2001, "Too many at once"),
    Why.TOO_LARGE: Said(413, 2001, "Request is too large"),
    Why.THROTTLED: Said(429, 2020, "Rate Limit Exceeded"),
    Why.UNAVAILABLE: Said(503, 2000, "Not available right now"),
    Why.NOT_BUILT: Said(402, 2014, "This installation does not have this ability"),
    Why.REQUESTER_UNKNOWN: Said(400, 1008, "Requester User Not Found"),
    Why.ALREADY_RESOLVED: Said(400, 1001, "Incident Already Resolved"),
    Why.ALREADY_ACKNOWLEDGED: Said(400, 1002, "Incident Already Acknowledged"),
    Why.NOT_ACKNOWLEDGED: Said(400, 1012, "Incident Is Not Acknowledged"),
    Why.BAD_STATUS: Said(400, 1003, "Invalid Status Provided"),
    Why.STALE: Said(400, 1005, "Incident Changed Meanwhile"),
    Why.CANNOT_ESCALATE: Said(400, 1006, "Cannot Escalate"),
    Why.SNOOZE_DURATION: Said(400, 1013, "Invalid Snooze Duration"),
    Why.NOBODY_ON_CALL: Said(400, 1015, "Nobody Is On Call"),
    Why.ALREADY_MERGED: Said(400, 1019, "Incident Already Merged"),
    Why.BAD_PRIORITY: Said(400, 1020, "Invalid Priority"),
    Why.BAD_DATE: Said(400, 2004, "Invalid Date"),
    Why.PAST_WINDOW: Said(405, 5003, "Maintenance Window Is Over"),
    Why.TEAM_NOT_EMPTY: Said(400, 6006, "Team Is In Use"),
}

INTERNAL = Said(500, 2000, "Internal Error")
METHOD = Said(405, 2001, "Method Not Allowed")


def envelope(said: Said, errors: tuple[str, ...]) -> Answer:
    """Answer an error in PagerDuty's envelope: a message, a whole number as code, a list of faults."""
    return Answer(said.status, {"error": {"message": said.message, "code": said.code, "errors": list(errors)}})


def refusal(refused: Refused) -> Answer:
    """Answer a refusal of the domain."""
    answer = envelope(TABLE[refused.why], refused.errors)
    if refused.why is Why.UNAVAILABLE:
        return _later(answer)
    return answer


def unavailable(failure: StoreUnavailable) -> Answer:
    """Answer that the database is away, and when to come back."""
    del failure  # its text is for the operator's log
    return _later(envelope(TABLE[Why.UNAVAILABLE], ("The database does not answer; try again shortly.",)))


def internal() -> Answer:
    """Answer that something broke here, without saying what: the log says it."""
    return envelope(INTERNAL, ("Something went wrong here; the log of the server says what.",))


def wrong_method(allowed: str) -> Answer:
    """Answer that the path exists and the method does not."""
    answer = envelope(METHOD, (f"Use {allowed} here.",))
    return Answer(answer.status, answer.payload, {"allow": allowed})


def _later(answer: Answer) -> Answer:
    return Answer(answer.status, answer.payload, {"retry-after": str(RETRY_AFTER_S)})
