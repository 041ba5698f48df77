"""Seed: a small organisation written straight into a database, for tests that begin below the API."""

import hashlib

from tocsin.store.query import Command
from tocsin.store.turn import Store, Turn

ROUTING_KEY = "0123456789abcdef0123456789abcdef"

_STATEMENTS = (
    """
    INSERT INTO app_user (id, name, email, role) VALUES
        ('PANN', 'Ann', 'ann@example.org', 'user'), ('PBO', 'Bo', 'bo@example.org', 'user')
    """,
    """
    INSERT INTO contact_method (id, user_id, channel, label, address) VALUES
        ('PANNMAIL', 'PANN', 'email', 'Work', 'ann@example.org'), ('PBOMAIL', 'PBO', 'email', 'Work', 'bo@example.org')
    """,
    "INSERT INTO escalation_policy (id, name) VALUES ('PPOLICY', 'Night')",
    """
    INSERT INTO escalation_level (id, policy_id, position, delay_s) VALUES
        ('PLEVEL1', 'PPOLICY', 1, 300), ('PLEVEL2', 'PPOLICY', 2, 300)
    """,
    """
    INSERT INTO escalation_target (level_id, position, kind, target_id) VALUES
        ('PLEVEL1', 1, 'user', 'PANN'), ('PLEVEL2', 1, 'user', 'PBO')
    """,
    """
    INSERT INTO service (id, name, escalation_policy_id, urgency_rule)
    VALUES ('PSERVICE', 'Checkout', 'PPOLICY', '{"kind": "always", "urgency": "high"}')
    """,
)
_INTEGRATION = """
    INSERT INTO integration (id, service_id, name, kind, routing_key_hash, routing_key_sealed)
    VALUES ('PINTEGRATION', 'PSERVICE', 'Alertmanager', 'events_api_v2_inbound_integration', %(hash)s, '')
"""


async def seed_on_call(store: Store) -> None:
    """Write Ann on level 1, Bo on level 2, five minutes each, one service and its integration with `ROUTING_KEY`."""

    async def job(turn: Turn) -> None:
        for statement in _STATEMENTS:
            await turn.run(Command("seed", statement))
        await turn.run(Command("seed", _INTEGRATION), {"hash": hashlib.sha256(ROUTING_KEY.encode()).digest()})

    await store.work(job)
