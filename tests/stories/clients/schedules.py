"""A program as people write it with an official client of PagerDuty: it keeps a schedule and asks who is on call."""

import json
import sys

import pagerduty
import pdpyras

which, url, token, email, ada, bo = sys.argv[1:]
if which == "pagerduty":
    rest = pagerduty.RestApiV2Client(token, default_from=email, base_url=url)
else:
    rest = pdpyras.APISession(token, default_from=email)
    rest.url = url


def user(user_id: str) -> dict[str, object]:
    """Return a user of a layer."""
    return {"user": {"id": user_id, "type": "user_reference"}}


night = {
    "name": "Night",
    "start": "2026-01-05T20:00:00-05:00",
    "rotation_virtual_start": "2026-01-05T20:00:00-05:00",
    "rotation_turn_length_seconds": 604800,
    "users": [user(ada), user(bo)],
    "restrictions": [{"type": "daily_restriction", "start_time_of_day": "20:00:00", "duration_seconds": 43200}],
}
weekend = {
    "name": "Weekend",
    "start": "2026-01-09T18:00:00-05:00",
    "rotation_virtual_start": "2026-01-09T18:00:00-05:00",
    "rotation_turn_length_seconds": 86400,
    "users": [user(bo)],
    "restrictions": [
        {
            "type": "weekly_restriction",
            "start_time_of_day": "18:00:00",
            "start_day_of_week": 5,
            "duration_seconds": 216000,
        }
    ],
}
always = {
    "name": "Always",
    "start": "2026-01-05T09:00:00-05:00",
    "rotation_virtual_start": "2026-01-05T09:00:00-05:00",
    "rotation_turn_length_seconds": 86400,
    "users": [user(ada)],
}
name = f"Web by {which}"
body = {
    "type": "schedule",
    "name": name,
    "description": "Made by a program",
    "time_zone": "America/New_York",
    "schedule_layers": [always, night, weekend],
}
made = rest.rpost("schedules", json=body)
read = rest.rget(made)
written = rest.rput(made, json=read)

stretch = {"start": "2035-01-05T12:00:00-05:00", "end": "2035-01-05T14:00:00-05:00", "user": user(bo)["user"]}
path = f"{made['self']}/overrides"
outcomes = rest.post(path, json={"overrides": [stretch]}).json()
window = {"since": "2035-01-05T11:00:00-05:00", "until": "2035-01-05T15:00:00-05:00"}
listed = rest.get(path, params=window).json()["overrides"]
rendered = rest.rget(made, params=window)
rest.rdelete(f"{path}/{listed[0]['id']}")
left = rest.get(path, params=window).json()["overrides"]

target = {"id": made["id"], "type": "schedule_reference"}
level = {"escalation_delay_in_minutes": 15, "targets": [target]}
policy = rest.rpost("escalation_policies", json={"name": f"Policy by {which}", "escalation_rules": [level]})
in_a_week = {"escalation_policy_ids[]": [policy["id"]], "since": "2035-01-05", "until": "2035-01-12"}
oncalls = list(rest.iter_all("oncalls", params=in_a_week, page_size=3))
found = rest.find("schedules", name, attribute="name")
preview = rest.post("schedules/preview", params=window, json={"schedule": body}).json()["schedule"]

seen = {
    "layers": [layer["name"] for layer in read["schedule_layers"]],
    "sent": {layer["name"]: layer for layer in (always, night, weekend)},
    "read": {layer["name"]: layer for layer in read["schedule_layers"]},
    "unchanged": written == read == made,
    "statuses": [outcome["status"] for outcome in outcomes],
    "final": [entry["user"]["id"] for entry in rendered["final_schedule"]["rendered_schedule_entries"]],
    "preview": [entry["user"]["id"] for entry in preview["final_schedule"]["rendered_schedule_entries"]],
    "listed": [override["user"]["id"] for override in listed],
    "left": left,
    "oncalls": [[row["user"]["id"], row["schedule"]["id"] == made["id"], row["escalation_level"]] for row in oncalls],
    "found": found["id"] == made["id"] if found else None,
}
sys.stdout.write(json.dumps(seen))
