"""E-mail: letters that arrive, thread, survive odd titles, and admit what is not known."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.channels.exam import A_PAGE, AT, CANARY, PATIENCE, ChannelExam, Fault, World
from tests.town import tls
from tests.town.mailbox import RESET, SLOW, TAKE_AND_HANG, TAKE_AND_RESET, Mailbox, Received, Stage, mailbox
from tocsin.channels.email import CHANNEL, EmailSettings
from tocsin.domain.paging.channel import Accepted, Address, Limit, Provider, Rejected
from tocsin.domain.paging.message import BundleLine, Message
from tocsin.ground.errors import Refused
from tocsin.wire import Wire
from tocsin.wire.smtp import MailServer

BO = Address(channel="email", address="bo@example.org", person="Bo")


def _settings(port: int, **more: object) -> EmailSettings:
    server = {"host": "127.0.0.1", "port": port, "security": "plain", **more}
    return msgspec.convert({"servers": [server], "sender": "Tocsin <pager@tocsin.test>"}, EmailSettings)


class MailboxWorld(World):
    address = BO

    def __init__(self, box: Mailbox, provider: Provider) -> None:
        self.box = box
        self.provider = provider

    def will(self, fault: Fault) -> None:
        doings: dict[Fault, tuple[Stage, str]] = {
            "permanent": ("rcpt", "550 5.1.1 nobody of this name"), "temporary": ("rcpt", "451 4.7.1 come back later"),
            "early reset": ("rcpt", RESET), "taken then silent": ("data", TAKE_AND_HANG),
            "taken then reset": ("data", TAKE_AND_RESET), "slow": ("rcpt", SLOW),
        }  # fmt: skip # a table reads better in rows
        self.box.will(*doings[fault])

    def identities(self) -> Sequence[str]:
        return [letter.mail["Message-ID"] for letter in self.box.letters]

    def texts(self) -> Sequence[str]:
        return [letter.mail["Subject"] + "\n" + letter.text() for letter in self.box.letters]


class TestEmail(ChannelExam):
    """Over STARTTLS with a log-in, as it runs in earnest."""

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[World]:
        pair = tls.pair(folder)
        async with mailbox(security="starttls", context=pair.server, login=("pager", CANARY)) as box:
            wire = Wire(patience=PATIENCE, trust=lambda: pair.client)
            settings = _settings(box.port, security="starttls", user="pager", password=CANARY)
            (provider,) = CHANNEL.providers(settings, wire)
            yield MailboxWorld(box, provider)
            await provider.close()

    def deserted(self) -> tuple[Provider, Address]:
        return CHANNEL.providers(_settings(9), Wire(patience=PATIENCE))[0], BO


async def _written(message: Message, key: str = "page-1") -> Received:
    async with mailbox() as box:
        (provider,) = CHANNEL.providers(_settings(box.port), Wire(patience=timedelta(seconds=5)))
        assert isinstance(await provider.send(message, BO, key), Accepted)
        await provider.close()
        return box.letters[0]


async def test_a_page_is_a_letter_of_its_incidents_thread() -> None:
    letter = await _written(A_PAGE)
    mail = letter.mail
    assert letter.sender == "pager@tocsin.test"
    assert letter.recipient == "bo@example.org"
    assert mail["From"] == "Tocsin <pager@tocsin.test>"
    assert mail["To"] == "bo@example.org"
    assert mail["Subject"] == "[#7 high] Disk full on db1 · Payments"
    assert mail["Message-ID"] == "<page-1@tocsin.test>"
    assert mail["References"] == mail["In-Reply-To"] == "<Q0INCIDENT0001@tocsin.test>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Priority"] == "1"
    assert mail["Date"].datetime == AT
    assert mail.get_content_type() == "multipart/alternative"
    for kind in ("plain", "html"):
        text = letter.text(kind)
        assert "Disk full on db1" in (text if kind == "html" else mail["Subject"])
        assert "You are on call for Payments." in text
        assert str(A_PAGE.acknowledge_url) in text
        assert str(A_PAGE.resolve_url) in text
        assert "Tue 24 Nov 2026, 03:12 CET" in text


async def test_low_urgency_is_not_marked_as_pressing() -> None:
    letter = await _written(msgspec.structs.replace(A_PAGE, urgency="low"))
    assert letter.mail["X-Priority"] is None
    assert letter.mail["Importance"] is None


@pytest.mark.parametrize(
    "title",
    [
        "a\r\nBcc: evil@example.org", "a\nSubject: other", "<script>alert(1)</script>", "\u202eesrever\u202c", ".",
        "ünïcödé 火事 🔥", "x" * 3000, "=?utf-8?q?x?=", "\x00\x07bell", "a\u2028b", "{{ url }}", "'\"&lt;", "",
    ],
)  # fmt: skip # a table reads better in rows
async def test_no_title_breaks_out_of_its_place(title: str) -> None:
    letter = await _written(msgspec.structs.replace(A_PAGE, title=title, service=title))
    assert letter.mail["Bcc"] is None
    assert letter.mail["Subject"].startswith("[#7 high] ")
    assert len(letter.mail["Subject"]) <= 160
    assert "\u202e" not in letter.mail["Subject"] + letter.text() + letter.text("html")
    assert "<script" not in letter.text("html")
    assert letter.raw.count(b"\r\nSubject:") == 1
    assert max(len(line) for line in letter.raw.split(b"\r\n")) <= 998
    assert letter.raw.isascii()


async def test_html_fetches_nothing() -> None:
    html = (await _written(A_PAGE)).text("html")
    for word in ("<img", "<link", "src=", "@import", "url(", "<script", "@font-face"):
        assert word not in html
    assert "prefers-color-scheme: dark" in html


async def test_a_line_that_starts_with_a_dot_stays_whole() -> None:
    letter = await _written(msgspec.structs.replace(A_PAGE, reason=".hidden and", details=((".", "."),)))
    assert ".hidden and" in letter.text().splitlines()


async def test_a_storm_is_told_in_one_letter() -> None:
    lines = tuple(
        BundleLine(number=n, title=f"Host {n} is down", service="Edge", urgency="high", url=f"https://tocsin.test/{n}")
        for n in range(40)
    )
    letter = await _written(Message(kind="bundle", sent_at=AT, lines=lines, total=57))
    assert letter.mail["Subject"] == "[Storm] 57 more incidents: Host 0 is down, …"
    assert letter.mail["References"] is None
    for kind in ("plain", "html"):
        assert "Host 19 is down" in letter.text(kind)
        assert "Host 20 is down" not in letter.text(kind)
        assert "and 37 more" in letter.text(kind)


async def test_servers_are_providers_in_the_order_of_the_settings() -> None:
    servers = (MailServer(host="a.test"), MailServer(host="b.test", port=465, security="tls"))
    providers = CHANNEL.providers(EmailSettings(servers=servers), Wire())
    assert [provider.name for provider in providers] == ["a.test:587", "b.test:465"]
    assert CHANNEL.providers(EmailSettings(), Wire()) == ()


async def test_an_address_that_is_none_is_refused_not_raised() -> None:
    async with mailbox() as box:
        (provider,) = CHANNEL.providers(_settings(box.port), Wire(patience=PATIENCE))
        for address in ("bö@example.org", "a@b\r\nX: y", ""):
            outcome = await provider.send(A_PAGE, msgspec.structs.replace(BO, address=address), "page-1")
            assert isinstance(outcome, Rejected), address
        await provider.close()
        assert box.letters == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" Bo.Li+page@Example.ORG ", "Bo.Li+page@example.org"), ("a@b", "a@b"), ("a@bücher.example",
         "a@xn--bcher-kva.example"), ("o'neil@example.org", "o'neil@example.org"),
    ],
)  # fmt: skip # a table reads better in rows
def test_an_address_takes_its_normal_form(given: str, kept: str) -> None:
    assert CHANNEL.check_address(given) == kept


@pytest.mark.parametrize(
    "given",
    ["", "a", "@b", "a@", "a b@c", "a@b c", "a..b@c", "a@-b", "a@b..c", "a@b\n", "<a@b>", "a@[127.0.0.1]", "é@b.c",
     "a" * 65 + "@b", "a@" + "b" * 64, "a@b,c@d", "a\r\n@b"],
)  # fmt: skip # a table reads better in rows
def test_what_is_no_address(given: str) -> None:
    if given == "a@b\n":
        assert CHANNEL.check_address(given) == "a@b"
    else:
        with pytest.raises(Refused):
            CHANNEL.check_address(given)


def test_a_storm_of_mail_is_bundled() -> None:
    assert CHANNEL.limit == Limit(count=30, per=timedelta(minutes=1))


def test_a_password_is_in_no_text_of_its_settings() -> None:
    assert CANARY not in repr(_settings(25, user="pager", password=CANARY))
