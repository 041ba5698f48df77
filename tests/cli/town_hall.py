"""A town hall: a node with an owner and a service, for tests of what people do with it from a shell."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from tests.cli.shell import PASSWORD, Json, Node, Shell, serving, shell


@dataclass(frozen=True)
class Hall:
    """A shell whose variables name the node, the owner's token, and a service's routing key."""

    shell: Shell
    node: Node
    owner_id: str
    service_id: str


def claimed(said: Json) -> Json:
    """Become the owner of a node that has just started, and return what the set-up answered."""
    details = {"token": said["setup_token"], "name": "Ann Archer", "email": "ann@example.org", "password": PASSWORD}
    answer = httpx2.post(f"{said['http']}/api/setup", json=details, timeout=20)
    assert answer.status_code == 201, answer.text
    document: Json = answer.json()
    return document


def _made(client: httpx2.Client, path: str, kind: str, fields: Json) -> Json:
    answer = client.post(path, json={kind: {"type": kind, **fields}})
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()[kind]
    return made


@contextmanager
def hall() -> Iterator[Hall]:
    """Start a node, set it up, and make a service that calls its owner."""
    with shell() as place, serving(place) as node:
        owner = claimed(node.said)
        owner_id, token = owner["user"]["id"], owner["api_token"]
        headers = {"Authorization": f"Token token={token}"}
        with httpx2.Client(base_url=node.said["http"], headers=headers, timeout=20) as client:
            target = {"id": owner_id, "type": "user_reference"}
            rules = [{"escalation_delay_in_minutes": 30, "targets": [target]}]
            policy = _made(
                client, "/escalation_policies", "escalation_policy", {"name": "All", "escalation_rules": rules}
            )
            reference = {"id": policy["id"], "type": "escalation_policy_reference"}
            service = _made(client, "/services", "service", {"name": "checkout", "escalation_policy": reference})
            door = {"name": "shell", "type": "events_api_v2_inbound_integration"}
            integration = _made(client, f"/services/{service['id']}/integrations", "integration", door)
        place.variables |= {
            "TOCSIN_URL": node.said["https"],
            "TOCSIN_TOKEN": token,
            "TOCSIN_ROUTING_KEY": integration["integration_key"],
        }
        yield Hall(place, node, owner_id, service["id"])
