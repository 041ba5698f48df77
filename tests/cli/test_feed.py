"""Feed: a program follows what happens, from where it stopped, without missing anything."""

import httpx2
import pytest

from tests.cli.town_hall import Hall

pytestmark = pytest.mark.xdist_group("cli")


def test_a_follower_goes_on_where_it_stopped(town_hall: Hall) -> None:
    headers = {"Authorization": f"Token token={town_hall.shell.variables['TOCSIN_TOKEN']}"}
    with httpx2.Client(base_url=town_hall.node.said["http"], headers=headers, timeout=40) as client:
        begin = client.get("/api/feed").json()
        assert begin["facts"] == []
        town_hall.shell.json("send", "trigger", "somebody listens", "--dedup-key", "feed/1")
        told = client.get("/api/feed", params={"after": begin["place"], "wait": 10, "limit": 1}).json()
        assert len(told["facts"]) == 1
        assert told["facts"][0]["subject_id"]
        further = client.get("/api/feed", params={"after": told["place"], "wait": 5}).json()
        assert all(fact not in told["facts"] for fact in further["facts"])
        assert client.get("/api/feed", params={"after": "nonsense"}).status_code == 400
        assert httpx2.get(f"{town_hall.node.said['http']}/api/feed", timeout=20).status_code == 401
    town_hall.shell.json("send", "resolve", "feed/1")
