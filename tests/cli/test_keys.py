"""Keys: the key that seals secrets is renewed under a running node, and the secrets still open."""

import pytest

from tests.cli.town_hall import Hall

pytestmark = pytest.mark.xdist_group("cli")


def test_a_rotated_key_seals_every_secret_and_the_node_goes_on(town_hall: Hall) -> None:
    place = town_hall.shell
    first = place.json("keys", "rotate")
    assert first["resealed"] >= 1, "the integration's routing key is a sealed secret"
    again = place.json("keys", "rotate")
    assert again["key"] != first["key"]
    assert again["resealed"] == first["resealed"]
    assert place.run("send", "trigger", "after the rotation").code == 0
    assert place.run("doctor").code in {0, 5}
