"""Windows of lists: the stretch of time that a list of incidents looks at, when its client says nothing or too much."""

from datetime import datetime, timedelta

from tocsin.api.kit import Call
from tocsin.ground.errors import Refused, Why

DEFAULT_WINDOW = timedelta(days=30)  # "the last month" of PagerDuty's lists
LONGEST_WINDOW = timedelta(days=184)  # its six months, at their longest


def window(call: Call, now: datetime, *, default: bool) -> tuple[datetime | None, datetime | None]:
    """Return since and until of a list; with `default` a client that says neither gets the last month.

    `date_range=all` looks at everything. Raises `Refused` (bad date) for a stretch that is longer than six months
    or ends before it begins.
    """
    if call.text("date_range") == "all":
        return None, None
    since, until = call.instant("since"), call.instant("until")
    if since is None and until is None:
        return (now - DEFAULT_WINDOW, None) if default else (None, None)
    if since is None:
        since = (until or now) - DEFAULT_WINDOW
    end = until or now
    if until is not None and until < since:
        raise Refused(Why.BAD_DATE, "until is before since.")
    if end - since > LONGEST_WINDOW:
        raise Refused(Why.BAD_DATE, "since and until are at most six months apart; date_range=all takes everything.")
    return since, until
