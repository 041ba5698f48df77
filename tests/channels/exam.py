"""Exam: what every provider of every channel must be able to do, asked the same way of each."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from tocsin.domain.paging.channel import Accepted, Address, Lost, Outcome, Provider, Rejected, Temporary
from tocsin.domain.paging.message import Message
from tocsin.ground import clock

Fault = Literal["permanent", "temporary", "early reset", "taken then silent", "taken then reset", "slow"]
CANARY = "canary-8f3a1c"  # the secret of every exam; it may be seen by the receiver only
PATIENCE = timedelta(seconds=1)
AT = datetime(2026, 11, 24, 2, 12, tzinfo=UTC)

A_PAGE = Message(
    kind="page", sent_at=AT, created_at=AT, incident_id="Q0INCIDENT0001", number=7, title="Disk full on db1",
    service="Payments", level=1, reason="You are on call for Payments.", time_zone="Europe/Berlin",
    url="https://tocsin.test/incidents/Q0INCIDENT0001", acknowledge_url="https://tocsin.test/answer/1abc.a.1.0.Q.P",
    resolve_url="https://tocsin.test/answer/1abc.r.1.0.Q.P",
)  # fmt: skip # a message reads better in rows


class World(ABC):
    """The outside of one provider in an exam: a real server that can be told to misbehave once."""

    provider: Provider
    address: Address
    asked_to_wait: float | None = None  # seconds, if the receiver can say how long

    @abstractmethod
    def will(self, fault: Fault) -> None:
        """Let the next message meet this fault."""

    @abstractmethod
    def identities(self) -> Sequence[str]:
        """Return the identity that each arrived message carried, in the order they came."""

    @abstractmethod
    def texts(self) -> Sequence[str]:
        """Return what a reader sees of each arrived message."""

    async def send(self, key: str = "page-1", message: Message = A_PAGE) -> Outcome:
        return await self.provider.send(message, self.address, key)


class ChannelExam(ABC):
    """Sit it by inheriting: `world` runs a provider against its real counterpart."""

    @abstractmethod
    def world(self, folder: Path) -> AbstractAsyncContextManager[World]:
        """Open the world of one exam question."""

    @abstractmethod
    def deserted(self) -> tuple[Provider, Address]:
        """Return a provider and address where nobody listens."""

    async def test_a_page_arrives_once_and_is_accepted(self, tmp_path: Path) -> None:
        async with self.world(tmp_path) as world:
            assert isinstance(await world.send(), Accepted)
            assert len(world.identities()) == 1
            assert "Disk full on db1" in world.texts()[0]

    async def test_a_final_refusal_is_final_and_says_why(self, tmp_path: Path) -> None:
        async with self.world(tmp_path) as world:
            world.will("permanent")
            outcome = await world.send()
            assert isinstance(outcome, Rejected)
            assert outcome.code
            assert outcome.text

    async def test_a_passing_refusal_says_when_to_ask_again(self, tmp_path: Path) -> None:
        async with self.world(tmp_path) as world:
            world.will("temporary")
            outcome = await world.send()
            assert isinstance(outcome, Temporary)
            assert outcome.retry_after_s == world.asked_to_wait or world.asked_to_wait is None
            assert outcome.retry_after_s > 0
            assert isinstance(await world.send(), Accepted)

    async def test_a_line_that_breaks_before_anything_was_taken_loses_nothing(self, tmp_path: Path) -> None:
        async with self.world(tmp_path) as world:
            world.will("early reset")
            assert not isinstance(await world.send(), Accepted | Rejected)
            assert world.identities() == []
            assert isinstance(await world.send(), Accepted)

    @pytest.mark.parametrize("fault", ["taken then silent", "taken then reset"])
    async def test_an_answer_that_never_comes_is_admitted_as_unknown(self, tmp_path: Path, fault: Fault) -> None:
        async with self.world(tmp_path) as world:
            world.will(fault)
            began = clock.seconds()
            outcome = await world.send()
            assert isinstance(outcome, Lost)
            assert outcome.text
            assert clock.seconds() - began < PATIENCE.total_seconds() + 1
            assert len(world.identities()) == 1

    async def test_a_slow_answer_still_counts(self, tmp_path: Path) -> None:
        async with self.world(tmp_path) as world:
            world.will("slow")
            assert isinstance(await world.send(), Accepted)

    async def test_a_repeat_under_the_same_key_carries_the_same_identity_and_its_mark(self, tmp_path: Path) -> None:
        async with self.world(tmp_path) as world:
            world.will("taken then reset")
            assert isinstance(await world.send("page-9"), Lost)
            repeat = msgspec.structs.replace(A_PAGE, may_repeat=True, sent_at=AT + timedelta(seconds=30))
            assert isinstance(await world.send("page-9", repeat), Accepted)
            assert isinstance(await world.send("page-10"), Accepted)
            first, second, third = world.identities()
            assert first == second != third
            said = [("may repeat" in text or '"may_repeat":true' in text) for text in world.texts()]
            assert said == [False, True, False]

    async def test_where_nobody_listens_another_attempt_may_help(self) -> None:
        provider, address = self.deserted()
        outcome = await provider.send(A_PAGE, address, "page-1")
        assert isinstance(outcome, Temporary)
        await provider.close()

    async def test_fifty_at_once_each_arrive_once(self, tmp_path: Path) -> None:
        import asyncio

        async with self.world(tmp_path) as world:
            outcomes = await asyncio.gather(*(world.send(f"page-{number}") for number in range(50)))
            assert [outcome for outcome in outcomes if not isinstance(outcome, Accepted)] == []
            assert len(set(world.identities())) == len(world.identities()) == 50

    @pytest.mark.parametrize("fault", [None, "permanent", "temporary", "taken then reset"])
    async def test_a_secret_is_in_no_log_and_no_text(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Fault | None
    ) -> None:
        caplog.set_level(logging.DEBUG)
        async with self.world(tmp_path) as world:
            if fault is not None:
                world.will(fault)
            outcome = await world.send()
            texts = [repr(outcome), str(outcome), repr(world.address), str(world.address), repr(world.provider)]
        seen = [text for text in (*texts, *caplog.messages, caplog.text) if CANARY in text]
        assert seen == []
