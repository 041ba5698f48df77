"""SMTP: what each answer and each broken line of a mail server means, over real sessions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from tests.town import tls
from tests.town.mailbox import HANG, RESET, SLOW, TAKE_AND_HANG, TAKE_AND_RESET, Mailbox, Stage, mailbox
from tocsin.domain.paging.channel import Accepted, Lost, Rejected, Temporary
from tocsin.wire.smtp import Letter, MailServer, Smtp

LETTER = Letter(
    sender="pager@tocsin.test",
    recipient="bo@example.org",
    message=b"Subject: x\r\n\r\nline\r\n.dot\r\n..two\r\nend\r\n",
    message_id="a@tocsin.test",
)


@asynccontextmanager
async def _town(patience: float = 0.5) -> AsyncIterator[tuple[Mailbox, Smtp]]:
    async with mailbox() as box:
        smtp = Smtp(MailServer(host=box.host, port=box.port, security="plain"), patience=patience)
        yield box, smtp
        await smtp.close()


@pytest.mark.parametrize(
    ("stage", "doing", "ending"),
    [
        ("mail", "550 no", Rejected), ("mail", "421 later", Temporary), ("mail", "452 full", Temporary),
        ("mail", HANG, Temporary), ("mail", RESET, Temporary), ("rcpt", "550 no", Rejected),
        ("rcpt", "551 no", Rejected), ("rcpt", "450 grey", Temporary), ("rcpt", HANG, Temporary),
        ("rcpt", RESET, Temporary), ("rcpt", SLOW, Accepted), ("data", "554 spam", Rejected),
        ("data", "451 try", Temporary), ("data", SLOW, Accepted), ("data", HANG, Lost), ("data", RESET, Lost),
        ("data", TAKE_AND_HANG, Lost), ("data", TAKE_AND_RESET, Lost),
    ],
)  # fmt: skip # a table reads better in rows
async def test_what_each_ending_means(stage: Stage, doing: str, ending: type) -> None:
    async with _town() as (box, smtp):
        box.will(stage, doing)
        assert isinstance(await smtp.send(LETTER), ending)
        assert isinstance(await smtp.send(LETTER), Accepted)


async def test_a_letter_arrives_byte_for_byte() -> None:
    async with _town() as (box, smtp):
        assert await smtp.send(LETTER) == Accepted("T00001")
        assert box.letters[0].raw == LETTER.message


async def test_a_refusal_tells_the_servers_words() -> None:
    async with _town() as (box, smtp):
        box.will("rcpt", "550 5.1.1 nobody of this name")
        outcome = await smtp.send(LETTER)
        assert outcome == Rejected("550", "550 5.1.1 nobody of this name")


async def test_sessions_are_kept_and_few() -> None:
    async with _town(5) as (box, smtp):
        for _ in range(5):
            await smtp.send(LETTER)
        assert box.sessions == 1
        outcomes = await asyncio.gather(*(smtp.send(LETTER) for _ in range(60)))
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert box.sessions <= 4
        assert len(box.letters) == 65


async def test_a_session_that_the_server_ended_is_opened_anew() -> None:
    async with _town() as (box, smtp):
        assert isinstance(await smtp.send(LETTER), Accepted)
        box.will("mail", RESET)
        assert isinstance(await smtp.send(LETTER), Accepted)
        box.will("mail", "421 idle for too long")
        assert isinstance(await smtp.send(LETTER), Accepted)
        assert box.sessions == 3


async def test_a_refused_recipient_leaves_the_session_usable() -> None:
    async with _town() as (box, smtp):
        box.will("rcpt", "550 no", "450 later")
        await smtp.send(LETTER)
        await smtp.send(LETTER)
        assert isinstance(await smtp.send(LETTER), Accepted)
        assert box.sessions == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_tls_before_the_password(tmp_path: Path, security: Literal["starttls", "tls"]) -> None:
    pair = tls.pair(tmp_path)
    login = ("pager", "sesame") if security == "starttls" else None
    async with mailbox(security=security, context=pair.server, login=login) as box:
        server = MailServer(
            host="localhost", port=box.port, security=security, user=login and login[0], password=login and login[1]
        )
        smtp = Smtp(server, trust=lambda: pair.client)
        assert isinstance(await smtp.send(LETTER), Accepted)
        await smtp.close()


async def test_a_wrong_password_is_final_for_this_server(tmp_path: Path) -> None:
    pair = tls.pair(tmp_path)
    async with mailbox(security="starttls", context=pair.server, login=("pager", "sesame")) as box:
        server = MailServer(host="127.0.0.1", port=box.port, user="pager", password="open")
        outcome = await Smtp(server, trust=lambda: pair.client).send(LETTER)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "535"
    assert "open" not in outcome.text


async def test_a_certificate_that_nobody_trusts_is_not_talked_to(tmp_path: Path) -> None:
    pair = tls.pair(tmp_path)
    async with mailbox(security="starttls", context=pair.server) as box:
        outcome = await Smtp(MailServer(host="127.0.0.1", port=box.port), patience=2).send(LETTER)
        assert isinstance(outcome, Temporary)
        assert "certificate" in outcome.text
        assert box.letters == []


async def test_a_server_without_starttls_gets_nothing() -> None:
    async with mailbox() as box:
        outcome = await Smtp(MailServer(host="127.0.0.1", port=box.port), patience=2).send(LETTER)
        assert isinstance(outcome, Rejected)
        assert box.letters == []


async def test_plain_mail_stays_on_this_machine() -> None:
    far = MailServer(host="mail.example.org", security="plain")
    assert isinstance(await Smtp(far).send(LETTER), Rejected)
    allowed = MailServer(host="192.0.2.1", security="plain", plain_allowed=True)
    assert isinstance(await Smtp(allowed, patience=0.2).send(LETTER), Temporary)
