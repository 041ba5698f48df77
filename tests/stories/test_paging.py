"""Paging when the world is difficult: dead mail servers, lost answers, storms, downtime and restored backups."""

import asyncio
import re
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from tests.town.database import tell
from tests.town.mailbox import HANG, TAKE_AND_RESET
from tests.town.office import Json, Person, Shop
from tests.town.town import Town, a_town
from tocsin.channels import discovered
from tocsin.domain.events import lane_of
from tocsin.store.upkeep import RELEASE

FIRST_PAGES = 3  # of a person, urgent ones, which never wait
LIMIT = discovered()["email"].limit
HIGH_OR_LOW: Json = {"incident_urgency_rule": {"type": "constant", "urgency": "severity_based"}}


async def one_person(town: Town, more: Json | None = None, *, minutes: int = 120) -> tuple[Person, Shop]:
    """Make a service that calls Ada and nobody else."""
    ada = await town.office.person("Ada")
    return ada, await town.office.service("Shop", await town.office.policy("Web", [[ada]], minutes=minutes), more)


@pytest.mark.parametrize("answer", ["451 4.3.0 later", "550 5.7.1 not from you"])
async def test_when_one_mail_server_refuses_the_next_is_asked(town: Town, answer: str) -> None:
    ada, shop = await one_person(town)
    town.mailbox.will("mail", answer)
    await town.event(shop, "first server is unwell")
    assert (len(town.mailbox.letters), len(town.spare_mailbox.to(ada.email))) == (0, 1)
    notified = [entry for entry in await town.timeline((await town.only_incident())["id"]) if entry["kind"] == "notify"]
    assert notified[0]["body"]["provider"] == f"127.0.0.1:{town.spare_mailbox.port}"


@pytest.mark.slow
async def test_a_mail_server_that_hangs_costs_some_seconds_and_no_page(town: Town) -> None:
    ada, shop = await one_person(town)
    town.mailbox.will("mail", *[HANG] * 4)
    await town.send(shop, "first server hangs")
    await town.letter(ada, seconds=25)
    await town.settle()
    assert (len(town.mailbox.letters), len(town.spare_mailbox.letters)) == (0, 1)
    assert "X-Tocsin-May-Repeat" not in town.letters(ada)[0].mail, "the letter had not left when the server fell silent"


async def test_when_no_server_takes_it_the_next_rule_is_used_at_once(town: Town) -> None:
    ada, shop = await one_person(town)
    hook = await town.office.method(ada, "webhook", town.sink.url)
    await town.office.rules(ada, (await town.office.mail_method(ada), 0), (hook, 10))
    for box in (town.mailbox, town.spare_mailbox):
        box.will("rcpt", "550 5.1.1 unknown")
    before = await town.now()
    await town.event(shop, "no mail today")
    assert len(town.sink.caught) == 1
    assert ((await town.now()) - before).total_seconds() < 60, "not ten minutes later"
    assert town.letters(ada) == []


async def test_when_nothing_reaches_a_level_the_next_is_called_at_once(town: Town) -> None:
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada], [bo]], minutes=30))
    for box in (town.mailbox, town.spare_mailbox):
        box.will("rcpt", "550 5.1.1 unknown")
    await town.event(shop, "Ada has left the mail server")
    await town.letter(bo)
    assert town.letters(ada) == []


async def test_a_letter_whose_fate_is_unknown_is_sent_once_more_and_says_so(town: Town) -> None:
    ada, shop = await one_person(town)
    town.mailbox.will("data", TAKE_AND_RESET)
    await town.send(shop, "cut after the letter")
    await town.letter(ada, 2)
    await town.settle()
    first, second = town.letters(ada)
    assert "X-Tocsin-May-Repeat" not in first.mail
    assert second.mail["X-Tocsin-May-Repeat"] == "yes"
    assert "may repeat an earlier one" in second.text()
    assert first.mail["Message-ID"] == second.mail["Message-ID"], "mail programs show the two as one"


async def test_a_storm_becomes_few_letters_and_the_urgent_ones_leave_first(town: Town) -> None:
    ada, shop = await one_person(town, HIGH_OR_LOW)
    await asyncio.gather(*(town.send(shop, f"calm {number}", severity="info") for number in range(100)))
    await town.send(shop, "the urgent one", severity="critical")
    await asyncio.wait_for(_named_in(town, ada, "the urgent one"), 5)
    await town.settle()
    counts = [0, len(town.letters(ada))]
    for _ in range(3):
        await town.sleep(minutes=1)
        counts.append(len(town.letters(ada)))
    assert LIMIT is not None
    assert max(after - before for before, after in pairwise(counts)) <= LIMIT.count + FIRST_PAGES
    assert counts[-1] < 70
    told = sum(_incidents_told(str(letter.mail["Subject"])) for letter in town.letters(ada))
    assert told == 101, "every incident is told in some letter"


async def _named_in(town: Town, person: Person, title: str) -> None:
    while not any(title in letter.text() for letter in town.letters(person)):  # noqa: ASYNC110 - two mailboxes, no event
        await asyncio.sleep(0.02)


def _incidents_told(subject: str) -> int:
    """Return of how many incidents a letter speaks: the number that its subject names, or one."""
    found = re.search(r"(\d+) (?:more |new )?incidents?", subject)
    return int(found[1]) if found else 1


async def test_after_downtime_what_is_late_comes_in_one_letter(town: Town) -> None:
    ada, shop = await one_person(town, minutes=600)
    await town.office.rules(ada, (await town.office.mail_method(ada), 5))
    keys = [await town.event(shop, f"problem {number}") for number in range(6)]
    await town.resolve(shop, keys[0])
    assert town.letters(ada) == []
    await town.jump(hours=1)
    (digest,) = town.letters(ada)
    text = digest.text()
    assert "The pager was down" in text
    assert "problem 0" not in text, "it was over before anybody was told"
    assert all(f"problem {number}" in text for number in range(1, 6))


async def test_a_poisoned_event_is_put_aside_and_its_lane_goes_on(town: Town) -> None:
    ada, shop = await one_person(town)
    lane = lane_of(shop.integration_id.encode(), b"disk")
    tell(
        town.house.store.dsn,
        "INSERT INTO inbox (lane, integration_id, kind, body)"
        f" VALUES ({lane}, '{shop.integration_id}', 'event', '{{\"action\": \"explode\"}}')",
    )
    await town.event(shop, "an honest one", key="disk")
    assert len(town.letters(ada)) == 1
    with psycopg.connect(town.house.store.dsn) as connection:
        parked = connection.execute("SELECT lane, error FROM parked_event").fetchall()
    assert [row[0] for row in parked] == [lane]
    assert "ValidationError" in parked[0][1]


async def test_a_restored_house_pages_nobody_until_it_is_released(town: Town) -> None:
    ada, shop = await one_person(town)
    tell(town.house.store.dsn, """INSERT INTO setting (key, value) VALUES ('hold', '{"why": "restored"}')""")
    await town.event(shop, "from before the backup")
    await town.sleep(minutes=5)
    assert town.letters(ada) == []
    await town.house.store.work(lambda turn: turn.run(RELEASE))
    await town.letter(ada)


async def test_two_houses_share_the_work_and_page_nobody_twice(database: str, tmp_path: Path) -> None:
    async with a_town(database, tmp_path, houses=2) as town:
        ada, shop = await one_person(town)
        hook = await town.office.method(ada, "webhook", town.sink.url)
        await town.office.rules(ada, (hook, 0))
        for number in range(60):
            body = {
                "routing_key": shop.key,
                "event_action": "trigger",
                "dedup_key": f"key-{number}",
                "payload": {"summary": f"problem {number}", "source": "town", "severity": "critical"},
            }
            answer = await town.offices[number % 2].client.post("/v2/enqueue", json=body)
            assert answer.status_code == 202
        await town.settle()
        told = [caught.headers["x-tocsin-delivery"] for caught in town.sink.caught]
        assert len(told) == len(set(told)) == 60
