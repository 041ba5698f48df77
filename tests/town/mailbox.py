"""Mailbox: a real mail server of the town, which keeps what it gets and can be told to misbehave."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Literal, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Stage = Literal["mail", "rcpt", "data"]
HANG = "hang"
RESET = "reset"
TAKE_AND_HANG = "take and hang"  # the letter is kept, the answer never comes
TAKE_AND_RESET = "take and reset"
SLOW = "slow"


@dataclass(frozen=True)
class Received:
    """A letter as it arrived: the envelope and the parsed message."""

    sender: str
    recipient: str
    mail: EmailMessage
    raw: bytes

    def text(self, kind: Literal["plain", "html"] = "plain") -> str:
        part = self.mail.get_body((kind,))
        assert part is not None, f"the letter has no {kind} part"
        return str(part.get_content())


@dataclass
class Mailbox:
    """What arrived, and what the server does next at a stage: an answer such as `550 no`, or one of the words above."""

    host: str = "127.0.0.1"
    port: int = 0
    letters: list[Received] = field(default_factory=list)
    sessions: int = 0
    slow_for: float = 0.3
    scripts: dict[Stage, deque[str]] = field(default_factory=dict)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def will(self, stage: Stage, *doings: str) -> None:
        """Let the next letters meet these doings at a stage, one each; afterwards all is well again."""
        self.scripts.setdefault(stage, deque()).extend(doings)

    def to(self, recipient: str) -> list[Received]:
        return [letter for letter in self.letters if letter.recipient == recipient]

    async def wait(self, count: int = 1, *, seconds: float = 10) -> list[Received]:
        """Return the letters once there are so many."""
        async with asyncio.timeout(seconds), self.arrived:
            await self.arrived.wait_for(lambda: len(self.letters) >= count)
        return self.letters

    async def keep(self, envelope: Envelope) -> None:
        raw = cast("bytes", envelope.original_content)
        mail = message_from_bytes(raw, policy=policy.default)
        for recipient in envelope.rcpt_tos:
            self.letters.append(Received(str(envelope.mail_from), str(recipient), mail, raw))
        async with self.arrived:
            self.arrived.notify_all()


class _Postman:
    """Runs the script at each stage of a letter."""

    def __init__(self, box: Mailbox) -> None:
        self._box = box

    async def handle_MAIL(  # noqa: N802 - the library calls it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._meet("mail", server)
        if answer is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer or "250 OK"

    async def handle_RCPT(  # noqa: N802 - the library calls it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._meet("rcpt", server)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library calls it by this name
        answer = await self._meet("data", server, envelope)
        if answer is None:
            await self._box.keep(envelope)
        return answer or f"250 OK: queued as T{len(self._box.letters):05}"

    async def _meet(self, stage: Stage, server: SMTP, envelope: Envelope | None = None) -> str | None:
        script = self._box.scripts.get(stage)
        doing = script.popleft() if script else None
        if doing == SLOW:
            await asyncio.sleep(self._box.slow_for)
            return None
        if doing in {TAKE_AND_HANG, TAKE_AND_RESET} and envelope is not None:
            await self._box.keep(envelope)
        if doing in {RESET, TAKE_AND_RESET}:
            cast("asyncio.Transport", server.transport).abort()
        if doing in {HANG, RESET, TAKE_AND_HANG, TAKE_AND_RESET}:
            await asyncio.Event().wait()  # until the line is cut, which cancels this
        return doing


@asynccontextmanager
async def mailbox(
    *,
    security: Literal["plain", "starttls", "tls"] = "plain",
    context: ssl.SSLContext | None = None,
    login: tuple[str, str] | None = None,
) -> AsyncIterator[Mailbox]:
    """Run a mail server on a free port of the loopback; with `login`, letters need this user and password."""
    box = Mailbox()
    lines: set[SMTP] = set()

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        given = cast(LoginPassword, data)
        good = login is not None and (given.login.decode(), given.password.decode()) == login
        return AuthResult(success=good, handled=False)

    def answer() -> SMTP:
        box.sessions += 1
        server = SMTP(
            _Postman(box),
            hostname="mail.town",
            tls_context=context if security == "starttls" else None,
            require_starttls=security == "starttls",
            auth_required=login is not None,
            auth_require_tls=security == "starttls",
            authenticator=check if login is not None else None,
            enable_SMTPUTF8=True,
        )
        lines.add(server)
        return server

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(answer, box.host, 0, ssl=context if security == "tls" else None)
    box.port = listening.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        listening.close()
        for line in lines:
            if line.transport is not None:
                cast("asyncio.Transport", line.transport).abort()
        await listening.wait_closed()
        await asyncio.sleep(0.02)  # the lines' own tasks take notice
