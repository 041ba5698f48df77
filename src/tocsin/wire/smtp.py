"""SMTP: handing one letter to one mail server, and what its answer means for the page in it."""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from typing import Literal

import aiosmtplib
from msgspec import Struct

from tocsin.domain.paging.channel import Accepted, Lost, Outcome, Rejected, Temporary
from tocsin.ground import clock
from tocsin.ground.limits import PROVIDER_PATIENCE
from tocsin.ground.text import one_line, trim

MOST_LINES = 4  # sessions at once with one server; public mail services refuse more than a handful
IDLE_FOR = 8.0  # seconds: servers wait minutes, but a line that waits pages nobody
MOST_LETTERS = 100  # letters of one session; many servers end it there on their own
RETRY_AFTER = 30.0  # seconds after a 4xx: grey-listing servers ask for patience, a page has little
RECONNECT_AFTER = 10.0  # seconds after a connection that was not made
LONGEST_ANSWER = 300  # characters of a server's answer that are kept with a delivery

_FIRST_REFUSAL = 400
_FIRST_FINAL = 500
_START_INPUT = 354
_LEADING_DOT = re.compile(rb"(?m)^\.")


class MailServer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mail server as the administrator names it.

    `plain` sends without TLS, to the same machine only unless `plain_allowed` says otherwise.
    """

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "plain"] = "starttls"
    user: str | None = None
    password: str | None = None
    plain_allowed: bool = False

    @property
    def name(self) -> str:
        """How the server is called in an incident's log."""
        return f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        """Say which server, never its password."""
        return f"MailServer({self.name}, {self.security})"


class Letter(Struct, frozen=True, kw_only=True):
    """A letter ready to go: the envelope's two addresses and the message in its final form, lines ended by CRLF."""

    sender: str
    recipient: str
    message: bytes
    message_id: str


class _Session:
    """An open line to the server and what it has done so far."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self.client = client
        self.letters = 0
        self.free_since = clock.seconds()

    @property
    def fresh(self) -> bool:
        """Whether another letter may go over it."""
        waited = clock.seconds() - self.free_since
        return self.client.is_connected and self.letters < MOST_LETTERS and waited < IDLE_FOR


class Smtp:
    """Hands letters to one mail server over a few sessions, which are kept while letters keep coming."""

    def __init__(
        self,
        server: MailServer,
        *,
        our_name: str = "localhost",
        patience: float = PROVIDER_PATIENCE.total_seconds(),
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self.server = server
        self._our_name = our_name
        self._patience = patience
        self._make_trust = trust
        self._trust: ssl.SSLContext | None = None
        self._free: deque[_Session] = deque()
        self._slots = asyncio.Semaphore(MOST_LINES)

    async def send(self, letter: Letter) -> Outcome:
        """Hand the letter over once.

        A refusal with a 5xx code is final, one with a 4xx is not. A line that breaks before the letter's text was
        asked for took nothing; one that breaks after it may have taken all of it, and only then the answer is lost.
        """
        if not self._guarded:
            return Rejected("plain", f"{self.server.name} is not on this machine and its setting offers no TLS")
        progress = _Progress()
        try:
            async with asyncio.timeout(self._patience), self._slots:
                return await self._hand(letter, progress)
        except (TimeoutError, OSError, ValueError, aiosmtplib.SMTPException) as error:
            return progress.outcome(error, self.server)
        finally:
            progress.give_back(self._free)

    async def close(self) -> None:
        """End every session that is free; those at work end with their letter."""
        while self._free:
            self._free.popleft().client.close()

    @property
    def _guarded(self) -> bool:
        if self.server.security != "plain" or self.server.plain_allowed or self.server.host == "localhost":
            return True
        try:
            return ip_address(self.server.host).is_loopback
        except ValueError:
            return False

    async def _hand(self, letter: Letter, progress: "_Progress") -> Outcome:
        session = await self._begin(letter, progress)
        client = session.client
        refused = _refusal(*await client.execute_command(b"RCPT", b"TO:<" + letter.recipient.encode("ascii") + b">"))
        if refused is None:
            code, text = await client.execute_command(b"DATA")
            if code != _START_INPUT:
                refused = _refusal(code, text) or Temporary(_said(code, text), RETRY_AFTER)
        if refused is not None:
            await client.rset()
            progress.done = True
            return refused
        code, text = await self._text(client, letter, progress)
        session.letters += 1
        progress.done = True
        return _refusal(code, text) or Accepted(_queue_id(text) or letter.message_id)

    async def _begin(self, letter: Letter, progress: "_Progress") -> _Session:
        """Return a session that has taken the sender: a kept one, or a fresh one where the kept one had ended."""
        while self._free:
            session = self._free.pop()
            if session.fresh:
                progress.session = session
                try:
                    await session.client.mail(letter.sender, encoding="ascii")
                except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPResponseException):
                    pass  # the server ended the session or its patience; a fresh one tells whether it means us
                else:
                    return session
            session.client.close()
        session = progress.session = _Session(self._client())
        await session.client.connect()
        await session.client.mail(letter.sender, encoding="ascii")
        return session

    async def _text(self, client: aiosmtplib.SMTP, letter: Letter, progress: "_Progress") -> tuple[int, str]:
        if client.protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        progress.text_left = True
        client.protocol.write(_LEADING_DOT.sub(b"..", letter.message).removesuffix(b"\r\n") + b"\r\n.\r\n")
        return await client.protocol.read_response(self._patience)

    def _client(self) -> aiosmtplib.SMTP:
        if self._trust is None and self.server.security != "plain":
            self._trust = self._make_trust()
        return aiosmtplib.SMTP(
            hostname=self.server.host,
            port=self.server.port,
            username=self.server.user,
            password=self.server.password,
            local_hostname=self._our_name,
            timeout=self._patience,
            use_tls=self.server.security == "tls",
            start_tls=self.server.security == "starttls",
            tls_context=self._trust,
        )


class _Progress:
    """How far a letter got, which decides what a failure means."""

    def __init__(self) -> None:
        self.session: _Session | None = None
        self.text_left = False
        self.done = False

    def give_back(self, free: deque[_Session]) -> None:
        """Keep a session whose letter came to an end; cut any other."""
        if self.session is None:
            return
        if self.done and self.session.client.is_connected:
            self.session.free_since = clock.seconds()
            free.append(self.session)
        else:
            self.session.client.close()

    def outcome(self, error: Exception, server: MailServer) -> Outcome:
        """Return what a failure at this point means."""
        if isinstance(error, aiosmtplib.SMTPResponseException) and not self.text_left:
            return _refusal(error.code, error.message) or Temporary(_said(error.code, error.message), RETRY_AFTER)
        if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
            # the library says so with a bare SMTPException where a server offers no STARTTLS or no known log-in
            return Rejected("not supported", f"{server.name} does not offer what its setting asks for (TLS or log-in)")
        if isinstance(error, UnicodeError):
            return Rejected("address", "the address cannot be written in a letter's envelope")
        if self.text_left:
            return Lost(f"{server.name} took the letter's text and gave no answer")
        if isinstance(error, ssl.SSLCertVerificationError):
            said = f"{server.name}: its certificate is not trusted ({error.verify_message})"
            return Temporary(said, RECONNECT_AFTER)
        if isinstance(error, TimeoutError):
            return Temporary(f"{server.name} did not answer in time; the letter had not left", RECONNECT_AFTER)
        return Temporary(f"{server.name} cannot be used now ({type(error).__name__})", RECONNECT_AFTER)


def _refusal(code: int, text: str) -> Outcome | None:
    if code < _FIRST_REFUSAL:
        return None
    said = _said(code, text)
    return Rejected(str(code), said) if code >= _FIRST_FINAL else Temporary(said, RETRY_AFTER)


def _said(code: int, text: str) -> str:
    return trim(f"{code} {one_line(text)}", LONGEST_ANSWER)


def _queue_id(text: str) -> str | None:
    """Return the name under which the server queued the letter, when its answer gives one as Postfix and Exim do."""
    match = re.search(r"(?:queued as|id[=:])\s*([\w.-]{4,64})", text)
    return match[1] if match else None
