"""The alert: the one running problem behind a dedup key, triggered or resolved."""

from datetime import datetime
from typing import Literal

from msgspec import Raw, Struct


class Alert(Struct):
    """A row of an alert. `body` is the event that opened it, as JSON; `events` counts it and those that came since.

    An alert that is kept without an incident is `suppressed`, and says why.
    """

    id: str
    integration_id: str
    service_id: str
    dedup_key: str
    status: Literal["triggered", "resolved"]
    severity: str
    summary: str
    created_at: datetime
    last_at: datetime
    body: Raw = Raw(b"{}")
    incident_id: str | None = None
    suppressed: bool = False
    suppressed_why: str | None = None
    events: int = 1
    resolved_at: datetime | None = None
