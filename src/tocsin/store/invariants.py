"""Invariants: the promises of the product, asked of the database itself."""

from msgspec import Struct

from tocsin.store.query import Query


class Broken(Struct):
    """An incident for which a promise does not hold."""

    incident_id: str


class Counted(Struct):
    """How many rows break a promise."""

    n: int


# Every open incident has something due, or an exhausted plan, or a person who has it.
FORGOTTEN_INCIDENTS = Query(
    "open incidents that nothing and nobody looks after",
    """
    SELECT i.id AS incident_id FROM incident i
     WHERE i.status = 'triggered' AND NOT i.exhausted
       AND NOT EXISTS (SELECT FROM timer t WHERE t.incident_id = i.id AND t.kind = 'escalate')
       AND (i.assigned_via = 'escalation_policy'
            OR NOT EXISTS (SELECT FROM assignment a WHERE a.incident_id = i.id))
     UNION ALL
    SELECT i.id FROM incident i
     WHERE i.status = 'acknowledged'
       AND NOT EXISTS (SELECT FROM acknowledgement k WHERE k.incident_id = i.id)
       AND NOT EXISTS (SELECT FROM timer t WHERE t.incident_id = i.id)
     UNION ALL
    SELECT i.id FROM incident i
     WHERE i.status = 'triggered' AND i.status_changed_at < tocsin_now() - interval '2 minutes'
       AND NOT EXISTS (SELECT FROM timer t WHERE t.incident_id = i.id AND t.kind = 'escalate')
       AND NOT EXISTS (SELECT FROM notification n WHERE n.incident_id = i.id
                          AND n.state IN ('pending', 'leased', 'handed', 'delivered', 'unknown'))
     LIMIT 500
    """,
    row=Broken,
)
LATE_TIMERS = Query(
    "incidents with something more than 30 s overdue",
    """
    SELECT DISTINCT incident_id FROM timer WHERE due_at < tocsin_now() - interval '30 seconds' LIMIT 500
    """,
    row=Broken,
)
LATE_EVENTS = Query(
    "accepted events that have waited for more than 10 s",
    """
    SELECT count(*) AS n FROM (SELECT received_at FROM inbox ORDER BY id LIMIT 500) AS oldest
     WHERE received_at < tocsin_now() - interval '10 seconds'
    """,
    row=Counted,
)
LATE_PAGES = Query(
    "pages more than 30 s overdue that nobody holds back",
    """
    SELECT count(*) AS n FROM (
        SELECT FROM notification WHERE state = 'pending' AND due_at < tocsin_now() - interval '30 seconds'
           AND NOT EXISTS (SELECT FROM setting WHERE key = 'hold') LIMIT 500) AS late
    """,
    row=Counted,
)
PARKED_EVENTS = Query(
    "events of the last day that were put aside with an error",
    "SELECT count(*) AS n FROM parked_event WHERE parked_at > tocsin_now() - interval '1 day'",
    row=Counted,
)
UNKNOWN_PAGES = Query(
    "pages of the last day that ended unknown",
    """
    SELECT count(*) AS n FROM notification
     WHERE state = 'unknown' AND created_at > tocsin_now() - interval '1 day'
    """,
    row=Counted,
)


class Id(Struct, frozen=True):
    """An id."""

    id: str


class Raised(Struct, frozen=True):
    """An open incident about ourselves."""

    id: str
    incident_key: str


OWN_SERVICE = Query("our own service", "SELECT id FROM service WHERE name = %(name)s", row=Id)
OWN_POLICY = Query("our own policy", "SELECT id FROM escalation_policy WHERE name = %(name)s", row=Id)
KEEPERS = Query(
    "those who run this installation",
    """
    SELECT id FROM app_user WHERE role IN ('owner', 'admin') AND deleted_at IS NULL
     ORDER BY role DESC, created_at LIMIT %(most)s
    """,
    row=Id,
)
RAISED = Query(
    "open incidents about ourselves",
    """
    SELECT id, incident_key FROM incident
     WHERE service_id = %(service_id)s AND status <> 'resolved' AND incident_key IS NOT NULL
    """,
    row=Raised,
)
