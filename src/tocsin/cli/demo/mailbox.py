"""Mailbox: a mail server on this machine that keeps its letters, for the people of the demonstration."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session
from msgspec import Struct

from tocsin.ground import clock

_LINK = re.compile(r"^Acknowledge:\s+(https?://\S+)", re.MULTILINE)


class Letter(Struct):
    """A letter as it came in, and when by the monotonic clock."""

    sender: str
    recipient: str
    mail: EmailMessage
    at: float

    @property
    def subject(self) -> str:
        """The letter's subject."""
        return str(self.mail["Subject"])

    @property
    def text(self) -> str:
        """The letter's plain words."""
        part = self.mail.get_body(("plain",))
        return "" if part is None else str(part.get_content())

    @property
    def acknowledge_url(self) -> str:
        """The link that acknowledges, or an empty text."""
        found = _LINK.search(self.text)
        return found[1] if found else ""


class Mailbox:
    """The letters of everybody."""

    def __init__(self) -> None:
        """Start empty."""
        self.letters: list[Letter] = []
        self.port = 0
        self._came = asyncio.Condition()

    def of(self, recipient: str) -> list[Letter]:
        """Return the letters to one address."""
        return [letter for letter in self.letters if letter.recipient == recipient]

    async def first(self, recipient: str, *, within_s: float) -> Letter:
        """Wait for the first letter to an address; raise `TimeoutError` when none comes."""
        async with asyncio.timeout(within_s), self._came:
            await self._came.wait_for(lambda: self.of(recipient))
        return self.of(recipient)[0]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library calls it by this name
        """Keep a letter; called by the mail server."""
        del server, session
        content = envelope.original_content or b""
        mail = message_from_bytes(content, policy=policy.default)
        for recipient in envelope.rcpt_tos:
            self.letters.append(Letter(str(envelope.mail_from), recipient, mail, clock.seconds()))
        async with self._came:
            self._came.notify_all()
        return "250 kept"


@asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    """Run the mail server on a free port of this machine."""
    box = Mailbox()
    listening = await asyncio.get_running_loop().create_server(
        lambda: SMTP(box, hostname="mailbox.demo", enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    box.port = listening.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        listening.close()
