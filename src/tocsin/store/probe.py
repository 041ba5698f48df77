"""The probe's own corner of the configuration: a service that calls nobody but the program itself."""

from msgspec import Struct

from tocsin.domain.services.integration import routing_key_hash
from tocsin.store.config import bump_config
from tocsin.store.keyring import Keyring
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

SERVICE_ID = "PTOCSINPROBE00"
_NAME = "Tocsin probe"
_USER_ID, _METHOD_ID, _POLICY_ID, _LEVEL_ID, _INTEGRATION_ID = (f"PTOCSINPROBE0{n}" for n in range(1, 6))


class Present(Struct, frozen=True):
    """Whether something is there."""

    yes: bool


PRESENT = Query(
    "whether the probe's service is there",
    "SELECT EXISTS (SELECT FROM integration WHERE routing_key_hash = %(hash)s) AS yes",
    row=Present,
)
HANDED = Query(
    "whether the page of a test incident was handed over",
    """
    SELECT EXISTS (SELECT FROM incident i JOIN notification n ON n.incident_id = i.id
                    WHERE i.service_id = %(service_id)s AND i.title = %(title)s AND n.state = 'handed') AS yes
    """,
    row=Present,
)
HOLD = Query(
    "the lock of whoever makes the probe's service", "SELECT pg_advisory_xact_lock(8302419) IS NULL AS yes", row=Present
)
CLEAR = Command("an earlier probe's integration", "DELETE FROM integration WHERE id = %(id)s")
ADD_USER = Command(
    "the probe's user",
    """
    INSERT INTO app_user (id, name, email, role) VALUES (%(user_id)s, %(name)s, 'probe@tocsin.invalid', 'observer')
        ON CONFLICT DO NOTHING
    """,
)
ADD_POLICY = Command(
    "the probe's policy",
    """
    INSERT INTO escalation_policy (id, name, description)
    VALUES (%(policy_id)s, %(name)s, 'Calls the program itself, to see that pages come out.') ON CONFLICT DO NOTHING
    """,
)
ADD_METHOD = Command(
    "the probe's contact method",
    """
    INSERT INTO contact_method (id, user_id, channel, label, address)
    VALUES (%(method_id)s, %(user_id)s, 'echo', 'Probe', 'echo') ON CONFLICT DO NOTHING
    """,
)
ADD_LEVEL = Command(
    "the probe's level",
    """
    INSERT INTO escalation_level (id, policy_id, position, delay_s) VALUES (%(level_id)s, %(policy_id)s, 1, 3600)
        ON CONFLICT DO NOTHING
    """,
)
ADD_TARGET = Command(
    "the probe's target",
    """
    INSERT INTO escalation_target (level_id, position, kind, target_id) VALUES (%(level_id)s, 1, 'user', %(user_id)s)
        ON CONFLICT DO NOTHING
    """,
)
ADD_SERVICE = Command(
    "the probe's service",
    """
    INSERT INTO service (id, name, description, escalation_policy_id, auto_resolve_timeout_s, urgency_rule)
    VALUES (%(service_id)s, %(name)s, 'Test incidents of the closed loop; they resolve themselves.', %(policy_id)s,
            300, '{"kind": "always", "urgency": "high"}') ON CONFLICT DO NOTHING
    """,
)
ADD_INTEGRATION = Command(
    "the probe's integration",
    """
    INSERT INTO integration (id, service_id, name, kind, routing_key_hash, routing_key_sealed)
    VALUES (%(integration_id)s, %(service_id)s, %(name)s, 'events_api_v2_inbound_integration', %(hash)s, %(sealed)s)
    """,
)


async def prepare(turn: Turn, routing_key: str, keyring: Keyring) -> None:
    """Make the probe's service unless it is there with this routing key."""
    await turn.one(HOLD)
    hashed = routing_key_hash(routing_key)
    if (await turn.one(PRESENT, {"hash": hashed})).yes:
        return
    values = {
        "name": _NAME,
        "user_id": _USER_ID,
        "method_id": _METHOD_ID,
        "policy_id": _POLICY_ID,
        "level_id": _LEVEL_ID,
        "service_id": SERVICE_ID,
        "integration_id": _INTEGRATION_ID,
        "id": _INTEGRATION_ID,
        "hash": hashed,
        "sealed": keyring.seal(
            routing_key.encode(), table="integration", row_id=_INTEGRATION_ID, column="routing_key_sealed"
        ),
    }
    for command in (ADD_USER, ADD_METHOD, ADD_POLICY, ADD_LEVEL, ADD_TARGET, ADD_SERVICE, CLEAR, ADD_INTEGRATION):
        await turn.run(command, values)
    await bump_config(turn)
