"""Facts: policies, the people whom they call, and how messages to these fared, read in a few statements."""

from typing import Any

from msgspec import Struct

from tocsin.domain.oncall.finding import MethodFacts, PersonFacts, PolicyFacts
from tocsin.store.policies import POLICIES_SHOWN, policy_of
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class Wanted(Struct, frozen=True, kw_only=True):
    """Which policies to look at; None means all. `horizon` holds the teams that the reader may see."""

    horizon: list[str] | None = None
    policy_ids: list[str] | None = None
    team_ids: list[str] | None = None
    schedule_ids: list[str] | None = None


class PolicyId(Struct, frozen=True):
    """A policy."""

    id: str


class PersonRow(Struct, frozen=True):
    """A person with contact methods, and how many rules of each urgency use one that can be used."""

    id: str
    name: str
    removed: bool
    methods: list[dict[str, Any]]
    high: int
    low: int


POLICIES_WANTED = Query(
    "escalation policies to look at",
    """
    SELECT p.id FROM escalation_policy p
     WHERE (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))
       AND (%(policy_ids)s::text[] IS NULL OR p.id = ANY(%(policy_ids)s::text[]))
       AND (%(team_ids)s::text[] IS NULL OR p.team_id = ANY(%(team_ids)s::text[]))
       AND (%(schedule_ids)s::text[] IS NULL OR EXISTS (
             SELECT FROM escalation_level l JOIN escalation_target t ON t.level_id = l.id
              WHERE l.policy_id = p.id AND t.kind = 'schedule' AND t.target_id = ANY(%(schedule_ids)s::text[])))
     ORDER BY lower(p.name), p.id
    """,
    PolicyId,
)
# A method is proven once a provider took a message for it, and failing while its last message did not arrive.
PEOPLE = Query(
    "people who are called, with how messages to them fared",
    """
    SELECT u.id, u.name, u.deleted_at IS NOT NULL AS removed,
           coalesce((SELECT json_agg(json_build_object(
                         'id', c.id, 'channel', c.channel, 'label', c.label,
                         'usable', c.enabled AND NOT c.blacklisted, 'proven', last.handed_at IS NOT NULL,
                         'failing', EXISTS (
                             SELECT FROM notification f
                              WHERE f.contact_method_id = c.id AND f.state IN ('failed', 'unknown')
                                AND f.created_at > coalesce(last.handed_at, tocsin_now() - interval '30 days'))
                     ) ORDER BY c.created_at, c.id)
                       FROM contact_method c
                       LEFT JOIN LATERAL (
                           SELECT max(n.handed_at) AS handed_at FROM notification n
                            WHERE n.contact_method_id = c.id AND n.handed_at IS NOT NULL) AS last ON true
                      WHERE c.user_id = u.id), '[]'::json) AS methods,
           count(r.id) FILTER (WHERE r.urgency = 'high')::int AS high,
           count(r.id) FILTER (WHERE r.urgency = 'low')::int AS low
      FROM app_user u
      LEFT JOIN (notification_rule r JOIN contact_method m
                   ON m.id = r.contact_method_id AND m.enabled AND NOT m.blacklisted) ON r.user_id = u.id
     WHERE u.id = ANY(%(ids)s::text[])
     GROUP BY u.id
    """,
    PersonRow,
)


async def policies(turn: Turn, wanted: Wanted) -> list[PolicyFacts]:
    """Return the policies wanted, by name."""
    values = {name: getattr(wanted, name) for name in Wanted.__struct_fields__}
    ids = [row.id for row in await turn.rows(POLICIES_WANTED, values)]
    rows = {row.id: row for row in await turn.rows(POLICIES_SHOWN, {"ids": ids, "horizon": None})} if ids else {}
    return [
        PolicyFacts(
            policy=policy_of(rows[policy_id]),
            team_id=rows[policy_id].team_id,
            services=tuple(service.name for service in rows[policy_id].users_of_it()),
        )
        for policy_id in ids
        if policy_id in rows
    ]


async def people(turn: Turn, ids: set[str]) -> dict[str, PersonFacts]:
    """Return what is known of these people, by id; those who were removed are marked."""
    if not ids:
        return {}
    rows = await turn.rows(PEOPLE, {"ids": sorted(ids)})
    return {row.id: _person(row) for row in rows}


def _person(row: PersonRow) -> PersonFacts:
    methods = tuple(
        MethodFacts(
            id=each["id"],
            channel=each["channel"],
            label=each["label"],
            usable=each["usable"],
            proven=each["proven"],
            failing=each["failing"],
        )
        for each in row.methods
    )
    return PersonFacts(id=row.id, name=row.name, removed=row.removed, methods=methods, rules=(row.high, row.low))
