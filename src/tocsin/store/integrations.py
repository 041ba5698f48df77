"""Integrations as kept: the tools' doors into services, each with its routing key hashed and sealed."""

from datetime import datetime

from msgspec import Struct

from tocsin.domain.people.permission import Subject
from tocsin.domain.services.integration import Integration
from tocsin.store.pages import Count
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
    signed: bool
    created_at: datetime
    service_name: str
    team_id: str | None

    def subject(self) -> Subject:
        """Return what this row is to the permission table."""
        return Subject("integration", team_id=self.team_id)


class Receiver(Struct, frozen=True):
    """An integration as the door of webhooks needs it: whose tool it is, and the secrets that belong to it."""

    id: str
    vendor_id: str | None
    routing_key_sealed: bytes
    signing_secret_sealed: bytes | None


class Draft(Struct, frozen=True, kw_only=True):
    """A new integration; the clear routing key and signing secret never come here."""

    integration: Integration
    vendor_id: str | None
    routing_key_hash: bytes
    routing_key_sealed: bytes
    signing_secret_sealed: bytes | None = None


INTEGRATIONS_BY_ID = Query(
    "the integrations with these ids, as the engine needs them",
    "SELECT id, service_id, kind, name FROM integration WHERE id = ANY(%(ids)s::text[])",
    IntegrationFacts,
)

_SEEN = """FROM integration g JOIN service s ON s.id = g.service_id
    JOIN escalation_policy p ON p.id = s.escalation_policy_id
WHERE (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))"""

_SHOWN = f"""SELECT g.id, g.service_id, g.kind, g.name, g.vendor_id, g.routing_key_sealed,
    g.signing_secret_sealed IS NOT NULL AS signed, g.created_at, s.name AS service_name, p.team_id
{_SEEN}"""

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

_LISTED = """(%(service_ids)s::text[] IS NULL OR g.service_id = ANY(%(service_ids)s::text[]))
    AND (%(team_ids)s::text[] IS NULL OR p.team_id = ANY(%(team_ids)s::text[]))
    AND (%(vendor_ids)s::text[] IS NULL OR g.vendor_id = ANY(%(vendor_ids)s::text[]))
    AND (%(query)s::text IS NULL OR strpos(lower(g.name), lower(%(query)s::text)) > 0)"""

LIST = Query(
    "integrations of all services by name",
    f"{_SHOWN} AND {_LISTED} ORDER BY lower(g.name), g.id LIMIT %(limit)s::int OFFSET %(offset)s::int",
    IntegrationRow,
)
COUNT = Query(
    "how many integrations there are",
    f"SELECT count(*) AS n {_SEEN} AND {_LISTED}",
    Count,
)
BY_ID = Query("integration with this id", f"{_SHOWN} AND g.id = %(id)s::text", IntegrationRow)

RECEIVER = Query(
    "integration with this id, as the door of webhooks needs it",
    "SELECT id, vendor_id, routing_key_sealed, signing_secret_sealed FROM integration WHERE id = %(id)s",
    Receiver,
)

INSERT = Command(
    "add an integration",
    """INSERT INTO integration
    (id, service_id, name, kind, vendor_id, routing_key_hash, routing_key_sealed, signing_secret_sealed)
VALUES (%(id)s, %(service_id)s, %(name)s, %(kind)s, %(vendor_id)s, %(routing_key_hash)s, %(routing_key_sealed)s,
    %(signing_secret_sealed)s::bytea)""",
)

UPDATE = Command(
    "change an integration; its routing key stays",
    "UPDATE integration SET name = %(name)s, kind = %(kind)s, vendor_id = %(vendor_id)s WHERE id = %(id)s",
)

UPDATE_SECRET = Command(
    "change or remove the signing secret of an integration",
    "UPDATE integration SET signing_secret_sealed = %(sealed)s::bytea WHERE id = %(id)s",
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
            "signing_secret_sealed": draft.signing_secret_sealed,
        },
    )


async def update(turn: Turn, integration: Integration, vendor_id: str | None) -> None:
    """Write the name, kind and vendor of an integration anew."""
    values = {"id": integration.id, "name": integration.name, "kind": integration.kind, "vendor_id": vendor_id}
    await turn.run(UPDATE, values)


async def update_secret(turn: Turn, integration_id: str, sealed: bytes | None) -> None:
    """Replace the secret that signs an integration's requests; None removes it."""
    await turn.run(UPDATE_SECRET, {"id": integration_id, "sealed": sealed})


async def delete(turn: Turn, integration_id: str) -> None:
    """Remove an integration; events with its key are refused from the next reading of the configuration on."""
    await turn.run(DELETE, {"id": integration_id})


def integration_of(facts: IntegrationFacts | IntegrationRow) -> Integration:
    """Return the integration that a row tells."""
    return Integration(id=facts.id, service_id=facts.service_id, kind=facts.kind, name=facts.name)
