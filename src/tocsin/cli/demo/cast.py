"""Cast: the small organisation of the demonstration, made through set-up and API as anybody would make it."""

import secrets

from msgspec import Struct

from tocsin.cli.demo.caller import Caller
from tocsin.cli.demo.stage import Stage
from tocsin.store.config import bump_config
from tocsin.store.demonstration import SHORTEN_LEVELS
from tocsin.store.turn import Turn

WAIT_S = 4  # seconds until level 2 is called; the API's shortest wait is a minute, too long for a demonstration
OWNER_EMAIL = "olga@demo.example"
ANN, BO = "Ann Archer", "Bo Brandt"


class Cast(Struct, frozen=True):
    """Who and what is there when the curtain rises."""

    token: str
    password: str
    ann: str
    bo: str
    policy_id: str
    service_id: str
    routing_key: str


async def cast(stage: Stage, caller: Caller) -> Cast:
    """Make owner, people, policy, service and integration; the owner's token stays with the caller."""
    password = secrets.token_urlsafe(12)
    claimed = await caller.ask(
        "POST",
        "/api/setup",
        {"token": stage.started.setup_token, "name": "Olga Owner", "email": OWNER_EMAIL, "password": password},
    )
    caller.token = str(claimed["api_token"])
    ids = {}
    for name in (ANN, BO):
        email = f"{name.split()[0].lower()}@demo.example"
        ids[name] = str((await caller.made("/users", "user", {"name": name, "email": email}))["id"])
    policy_id = await _policy(caller, ids[ANN], ids[BO])
    reference = {"id": policy_id, "type": "escalation_policy_reference"}
    service = await caller.made("/services", "service", {"name": "checkout", "escalation_policy": reference})
    service_id = str(service["id"])
    integration = await caller.made(
        f"/services/{service_id}/integrations",
        "integration",
        {"name": "Alertmanager", "type": "events_api_v2_inbound_integration"},
    )
    await _shorten(stage, policy_id)
    return Cast(
        token=caller.token,
        password=password,
        ann="ann@demo.example",
        bo="bo@demo.example",
        policy_id=policy_id,
        service_id=service_id,
        routing_key=str(integration["integration_key"]),
    )


async def _policy(caller: Caller, *user_ids: str) -> str:
    """Make a policy with a level for each of these people and return its id."""
    rules = [
        {"escalation_delay_in_minutes": 1, "targets": [{"id": user_id, "type": "user_reference"}]}
        for user_id in user_ids
    ]
    made = await caller.made(
        "/escalation_policies", "escalation_policy", {"name": "Day and night", "escalation_rules": rules}
    )
    return str(made["id"])


async def _shorten(stage: Stage, policy_id: str) -> None:
    """Write the short wait into the database, past the API, which would refuse it."""

    async def job(turn: Turn) -> None:
        await turn.run(SHORTEN_LEVELS, {"policy_id": policy_id, "delay_s": WAIT_S})
        await bump_config(turn)

    await stage.started.house.store.work(job)
