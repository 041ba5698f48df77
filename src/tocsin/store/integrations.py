"""Integrations as kept: the tools' doors into services, each with its routing key hashed and sealed."""

from datetime import datetime

from msgspec import Struct

from tocsin.domain.people.permission import Subject
from tocsin.domain.services.integration import Integration
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class IntegrationFacts(Struct, frozen=True):
    """An integration as the engine needs it."""

    id: str
    service_id: str
    kind: str
    name: str


class IntegrationRow(Struct, frozen=True):
    """An integration with everything an answer shows."""

    id: str
    service_id: str
    kind: str
    name: str
    vendor_id: str | None
    routing_key_sealed: bytes
    created_at: datetime
    service_name: str
    team_id: str | None

    def subject(self) -> Subject:
        """Return what this row is to the permission table."""
        return Subject("integration", team_id=self.team_id)


class Draft(Struct, frozen=True, kw_only=True):
    """A new integration; the clear routing key never comes here."""

    integration: Integration
    vendor_id: str | None
    routing_key_hash: bytes
    routing_key_sealed: bytes


INTEGRATIONS_BY_ID = Query(
    "the integrations with these ids, as the engine needs them",
    "SELECT id, service_id, kind, name FROM integration WHERE id = ANY(%(ids)s::text[])",
    IntegrationFacts,
)

_SHOWN = """SELECT g.id, g.service_id, g.kind, g.name, g.vendor_id, g.routing_key_sealed, g.created_at,
    s.name AS service_name, p.team_id
FROM integration g JOIN service s ON s.id = g.service_id JOIN escalation_policy p ON p.id = s.escalation_policy_id
WHERE (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))"""

INTEGRATION = Query(
    "integration with this id on this service",
    f"{_SHOWN} AND g.service_id = %(service_id)s::text AND g.id = %(id)s::text",
    IntegrationRow,
)

INTEGRATIONS_SHOWN = Query(
    "the integrations with these ids, as answers show them",
    f"{_SHOWN} AND g.id = ANY(%(ids)s::text[]) ORDER BY g.id",
    IntegrationRow,
)

INSERT = Command(
    "add an integration",
    """INSERT INTO integration (id, service_id, name, kind, vendor_id, routing_key_hash, routing_key_sealed)
VALUES (%(id)s, %(service_id)s, %(name)s, %(kind)s, %(vendor_id)s, %(routing_key_hash)s, %(routing_key_sealed)s)""",
)

UPDATE = Command(
    "change an integration; its routing key stays",
    "UPDATE integration SET name = %(name)s, kind = %(kind)s, vendor_id = %(vendor_id)s WHERE id = %(id)s",
)

DELETE = Command("remove an integration", "DELETE FROM integration WHERE id = %(id)s")


async def create(turn: Turn, draft: Draft) -> None:
    """Write a new integration."""
    integration = draft.integration
    await turn.run(
        INSERT,
        {
            "id": integration.id,
            "service_id": integration.service_id,
            "name": integration.name,
            "kind": integration.kind,
            "vendor_id": draft.vendor_id,
            "routing_key_hash": draft.routing_key_hash,
            "routing_key_sealed": draft.routing_key_sealed,
        },
    )


async def update(turn: Turn, integration: Integration, vendor_id: str | None) -> None:
    """Write the name, kind and vendor of an integration anew."""
    values = {"id": integration.id, "name": integration.name, "kind": integration.kind, "vendor_id": vendor_id}
    await turn.run(UPDATE, values)


async def delete(turn: Turn, integration_id: str) -> None:
    """Remove an integration; events with its key are refused from the next reading of the configuration on."""
    await turn.run(DELETE, {"id": integration_id})


def integration_of(facts: IntegrationFacts | IntegrationRow) -> Integration:
    """Return the integration that a row tells."""
    return Integration(id=facts.id, service_id=facts.service_id, kind=facts.kind, name=facts.name)
