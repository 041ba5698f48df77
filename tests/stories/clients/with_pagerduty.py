"""A program as people write it with the official client `pagerduty`: it knows nothing of us but a base URL."""

import json
import sys
import time

import pagerduty

url, token, email, routing_key, service_id = sys.argv[1:]
events = pagerduty.EventsApiV2Client(routing_key, base_url=url)
rest = pagerduty.RestApiV2Client(token, default_from=email, base_url=url)

people = [user["name"] for user in rest.iter_all("users", page_size=100)]
dedup_key = events.trigger("The disk is full", "db-1", severity="error", custom_details={"free": 0})
events.send_change_event(payload={"summary": "Deployed 1.2", "source": "deploy"})


def incident_with(status: str) -> dict[str, str]:
    """Return the one incident that is in this state, once it is."""
    for _ in range(200):
        found = list(rest.iter_all("incidents", params={"statuses[]": [status]}))
        if found:
            return dict(found[0])
        time.sleep(0.05)
    raise SystemExit(f"no incident became {status}")


by_event = incident_with("triggered")
events.acknowledge(dedup_key)
incident_with("acknowledged")
events.resolve(dedup_key)
incident_with("resolved")

service = {"id": service_id, "type": "service_reference"}
made = rest.rpost("incidents", json={"type": "incident", "title": "Made by hand", "service": service})
acknowledged = rest.rput(made, json={"type": "incident_reference", "status": "acknowledged"})
note = rest.rpost(f"{made['self']}/notes", json={"content": "Looking at it"})
resolved = rest.rput("incidents", json=[{"id": made["id"], "type": "incident_reference", "status": "resolved"}])
found = rest.find("users", "Person 42", attribute="name")

seen = {
    "people": people,
    "by_event": by_event["title"],
    "states": [made["status"], acknowledged["status"], resolved[0]["status"]],
    "note": note["content"],
    "found": found["name"] if found else None,
    "log": [entry["type"] for entry in rest.iter_all(f"incidents/{made['id']}/log_entries")],
}
sys.stdout.write(json.dumps(seen))
