"""Webhook: signed, told apart, guarded, and honest about what it does not know."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import msgspec
import pytest

from tests.channels.exam import A_PAGE, CANARY, PATIENCE, ChannelExam, Fault, World
from tests.town.webhook_sink import CUT_EARLY, HANG, RESET, SLOW, Sink, answer, webhook_sink
from tocsin.channels.webhook import CHANNEL, WebhookSettings
from tocsin.domain.paging.channel import Accepted, Address, Provider, Rejected, Temporary
from tocsin.ground import clock
from tocsin.ground.errors import Refused
from tocsin.wire import Wire
from tocsin.wire.signature import HEADER, genuine


def _address(url: str, secret: str | None = CANARY) -> Address:
    return Address(channel="webhook", address=url, person="Bo", secret=secret)


class SinkWorld(World):
    asked_to_wait = 7.0

    def __init__(self, sink: Sink, wire: Wire) -> None:
        self.sink = sink
        (self.provider,) = CHANNEL.providers(WebhookSettings(), wire)
        self.address = _address(sink.url)

    def will(self, fault: Fault) -> None:
        doings: dict[Fault, int | str | bytes] = {
            "permanent": 410, "temporary": answer(429, "Retry-After: 7"), "early reset": CUT_EARLY,
            "taken then silent": HANG, "taken then reset": RESET, "slow": SLOW,
        }  # fmt: skip # a table reads better in rows
        self.sink.will(doings[fault])

    def identities(self) -> Sequence[str]:
        return [caught.headers["x-tocsin-delivery"] for caught in self.sink.caught]

    def texts(self) -> Sequence[str]:
        return [caught.body.decode() for caught in self.sink.caught]


@asynccontextmanager
async def _world() -> AsyncIterator[SinkWorld]:
    wire = Wire(allowed_networks=["127.0.0.0/8"], patience=PATIENCE)
    async with webhook_sink() as sink:
        yield SinkWorld(sink, wire)
        await wire.close()


class TestWebhook(ChannelExam):
    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[World]:
        async with _world() as world:
            yield world

    def deserted(self) -> tuple[Provider, Address]:
        wire = Wire(allowed_networks=["127.0.0.0/8"], patience=PATIENCE)
        return CHANNEL.providers(WebhookSettings(), wire)[0], _address("http://127.0.0.1:9/hook")


async def test_the_body_says_it_all_and_the_signature_covers_it() -> None:
    async with _world() as world:
        await world.send("page-3")
        caught = world.sink.caught[0]
    assert genuine(caught.body, caught.headers[HEADER.lower()], [CANARY.encode()])
    assert not genuine(caught.body + b" ", caught.headers[HEADER.lower()], [CANARY.encode()])
    said = caught.json
    assert said["delivery"] == caught.headers["x-tocsin-delivery"] == "page-3"
    assert said["may_repeat"] is False
    assert said["incident"]["number"] == 7
    assert said["links"]["acknowledge"] == A_PAGE.acknowledge_url
    assert caught.headers["content-type"] == "application/json"


async def test_while_a_secret_changes_both_are_signed_with() -> None:
    async with _world() as world:
        await world.provider.send(A_PAGE, _address(world.sink.url, "new old"), "page-1")
        caught = world.sink.caught[0]
    header = caught.headers[HEADER.lower()]
    assert genuine(caught.body, header, [b"old"])
    assert genuine(caught.body, header, [b"new"])


async def test_without_a_secret_nothing_is_signed() -> None:
    async with _world() as world:
        await world.provider.send(A_PAGE, _address(world.sink.url, None), "page-1")
        assert HEADER.lower() not in world.sink.caught[0].headers


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 422])
async def test_these_statuses_are_final(status: int) -> None:
    async with _world() as world:
        world.sink.will(answer(status, "Location: http://127.0.0.1/else"))
        outcome = await world.send()
        assert isinstance(outcome, Rejected)
        assert outcome.code == str(status)
        assert len(world.sink.caught) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_these_statuses_ask_for_patience(status: int) -> None:
    async with _world() as world:
        world.sink.will(status)
        assert isinstance(await world.send(), Temporary)


async def test_retry_after_may_be_a_date_and_is_bounded() -> None:
    later = format_datetime(clock.utc_now() + timedelta(seconds=60), usegmt=False)
    async with _world() as world:
        waits = []
        for text in (later, "86400", "nonsense", "-5", "Tue, 24 Nov 2026 02:12:00"):
            world.sink.will(answer(503, f"Retry-After: {text}"))
            outcome = await world.send()
            assert isinstance(outcome, Temporary)
            waits.append(outcome.retry_after_s)
    assert 50 < waits[0] <= 61
    assert waits[1:] == [300.0, 10.0, 10.0, 10.0]


async def test_an_address_inside_the_house_is_refused_for_good() -> None:
    async with webhook_sink() as sink:
        wire = Wire()
        (provider,) = CHANNEL.providers(WebhookSettings(), wire)
        outcome = await provider.send(A_PAGE, _address(sink.url), "page-1")
        await wire.close()
    assert isinstance(outcome, Rejected)
    assert outcome.code == "forbidden"
    assert sink.lines == 0


async def test_many_pages_share_few_lines() -> None:
    async with _world() as world:
        for number in range(20):
            assert isinstance(await world.send(f"page-{number}"), Accepted)
        assert world.sink.lines == 1


def test_settings_are_empty_and_say_so() -> None:
    assert msgspec.convert({}, WebhookSettings) == WebhookSettings()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"url": "https://example.org"}, WebhookSettings)


@pytest.mark.parametrize("url", ["ftp://a.test/", "https://user:pw@a.test/", "https://", "https://a.test/ b", "x"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(Refused):
        CHANNEL.check_address(url)


def test_an_address_is_kept_as_it_is_written() -> None:
    assert CHANNEL.check_address(" https://a.test/hook?x=1 ") == "https://a.test/hook?x=1"
