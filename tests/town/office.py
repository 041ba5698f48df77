"""Office: the REST API of a running house as a person uses it, with every answer held to the contract."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.contract.validator import checking

Json = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody who can be paged, at this address."""

    id: str
    name: str
    email: str


@dataclass(frozen=True)
class Shop:
    """A service of the town, the policy it calls by, and the routing key of its integration."""

    id: str
    name: str
    policy_id: str
    integration_id: str
    key: str


class Office:
    """Asks the API on behalf of the account; `on_behalf` is the address of the person who acts."""

    def __init__(self, url: str, token: str, on_behalf: str) -> None:
        """Reach the API under this address."""
        headers = {"authorization": f"Token token={token}", "from": on_behalf}
        self.on_behalf = on_behalf
        self.client = httpx2.AsyncClient(
            base_url=url, headers=headers, event_hooks={"response": [checking]}, timeout=20, trust_env=False
        )

    async def ask(
        self, method: str, path: str, body: Json | None = None, *, by: Person | None = None
    ) -> httpx2.Response:
        """Return the answer, whatever it is."""
        headers = {"from": by.email} if by is not None else None
        return await self.client.request(method, path, json=body, headers=headers)

    async def do(self, method: str, path: str, body: Json | None = None, *, by: Person | None = None) -> Json:
        """Return the document of an answer that must be a good one."""
        answer = await self.ask(method, path, body, by=by)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        document: Json = answer.json() if answer.content else {}
        return document

    async def person(self, name: str, *, role: str = "user") -> Person:
        """Make a user, who has a mailbox and is told at once, whatever the urgency."""
        email = f"{name.lower()}@town.example"
        user = {"type": "user", "name": name, "email": email, "role": role}
        made = await self.do("POST", "/users", {"user": user})
        return Person(made["user"]["id"], name, email)

    async def method(self, person: Person, kind: str, address: str) -> str:
        """Give a person one more contact method; return its id."""
        body = {"type": f"{kind}_contact_method", "label": kind.capitalize(), "address": address}
        made = await self.do("POST", f"/users/{person.id}/contact_methods", {"contact_method": body})
        return str(made["contact_method"]["id"])

    async def rules(self, person: Person, *ways: tuple[str, int], urgency: str = "high") -> None:
        """Replace a person's notification rules: contact methods with the minutes after which each is used."""
        path = f"/users/{person.id}/notification_rules"
        known = await self.do("GET", path)
        for rule in known["notification_rules"]:
            if rule["urgency"] == urgency:
                await self.do("DELETE", f"{path}/{rule['id']}")
        for method_id, minutes in ways:
            rule = {
                "type": "assignment_notification_rule",
                "start_delay_in_minutes": minutes,
                "urgency": urgency,
                "contact_method": await self._method_reference(person, method_id),
            }
            await self.do("POST", path, {"notification_rule": rule})

    async def _method_reference(self, person: Person, method_id: str) -> Json:
        known = await self.do("GET", f"/users/{person.id}/contact_methods/{method_id}")
        return {"id": method_id, "type": known["contact_method"]["type"]}

    async def mail_method(self, person: Person) -> str:
        """Return the id of the contact method that every user is made with."""
        known = await self.do("GET", f"/users/{person.id}/contact_methods")
        return str(known["contact_methods"][0]["id"])

    async def policy(
        self,
        name: str,
        levels: Sequence[Sequence[Person]],
        *,
        minutes: int = 30,
        repeats: int = 0,
        round_robin: bool = False,
    ) -> str:
        """Make an escalation policy with these people on its levels; return its id."""
        rules: list[Json] = []
        for people in levels:
            rule: Json = {
                "escalation_delay_in_minutes": minutes,
                "targets": [{"id": person.id, "type": "user_reference"} for person in people],
            }
            if round_robin:
                rule["escalation_rule_assignment_strategy"] = {"type": "round_robin"}
            rules.append(rule)
        policy = {"type": "escalation_policy", "name": name, "escalation_rules": rules, "num_loops": repeats}
        made = await self.do("POST", "/escalation_policies", {"escalation_policy": policy})
        return str(made["escalation_policy"]["id"])

    async def service(
        self, name: str, policy_id: str, more: Json | None = None, *, kind: str = "events_api_v2"
    ) -> Shop:
        """Make a service with one integration; `more` are further fields of it as the API writes them."""
        service = {
            "type": "service",
            "name": name,
            "escalation_policy": {"id": policy_id, "type": "escalation_policy_reference"},
            **(more or {}),
        }
        made = (await self.do("POST", "/services", {"service": service}))["service"]
        wanted = {"type": f"{kind}_inbound_integration", "name": "Tests"}
        path = f"/services/{made['id']}/integrations"
        integration = (await self.do("POST", path, {"integration": wanted}))["integration"]
        return Shop(made["id"], name, policy_id, integration["id"], integration["integration_key"])

    async def incident(self, incident_id: str) -> Json:
        """Return an incident."""
        found: Json = (await self.do("GET", f"/incidents/{incident_id}"))["incident"]
        return found

    async def update(self, incident_id: str, change: Json, *, by: Person | None = None) -> Json:
        """Change an incident, on behalf of somebody; return what it became."""
        body = {"incident": {"type": "incident", **change}}
        changed: Json = (await self.do("PUT", f"/incidents/{incident_id}", body, by=by))["incident"]
        return changed
