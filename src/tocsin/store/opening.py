"""Opening by hand: what is asked before a person's report becomes an incident."""

from msgspec import Struct

from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class ServiceTeam(Struct, frozen=True):
    """A service and the team of its escalation policy."""

    id: str
    team_id: str | None


class OpenIncident(Struct, frozen=True):
    """An open incident."""

    id: str


SERVICE_SEEN = Query(
    "service with this id that the reader may see",
    """
    SELECT s.id, p.team_id FROM service s JOIN escalation_policy p ON p.id = s.escalation_policy_id
     WHERE s.id = %(id)s AND (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))
    """,
    ServiceTeam,
)
OPEN_WITH_KEY = Query(
    "open incident of this service with this key",
    "SELECT id FROM incident WHERE service_id = %(service_id)s AND incident_key = %(key)s AND status <> 'resolved'",
    OpenIncident,
)
# Two reports with one key must not both find it free: the second waits for the end of the first.
HOLD_KEY = Command(
    "the key of an incident, held until the end of the transaction",
    "SELECT pg_advisory_xact_lock(hashtextextended(%(service_id)s::text || ' ' || %(key)s::text, 0))",
)


async def hold_key(turn: Turn, service_id: str, key: str) -> None:
    """Keep others from opening an incident with this key on this service until the transaction ends."""
    await turn.run(HOLD_KEY, {"service_id": service_id, "key": key})
