"""E-mail: pages as letters, one thread for each incident, through the mail servers of your choice."""

import hashlib
import re
from datetime import timedelta
from email.utils import format_datetime, formataddr, parseaddr

from msgspec import Struct

from tocsin.domain.paging.channel import Address, Channel, Limit, Outcome, Provider, Rejected
from tocsin.domain.paging.letter import letter_text
from tocsin.domain.paging.message import Message
from tocsin.ground.errors import Refused, Why
from tocsin.wire import Wire
from tocsin.wire.mime import Forms, compose
from tocsin.wire.smtp import MOST_LINES, Letter, MailServer, Smtp

LONGEST_ADDRESS = 254  # characters, RFC 5321 with its erratum
LONGEST_LOCAL_PART = 64  # characters, RFC 5321
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class EmailSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mail servers in the order to try them, and who the letters come from."""

    servers: tuple[MailServer, ...] = ()
    sender: str = "Tocsin <tocsin@localhost>"


class Sender(Struct, frozen=True, kw_only=True):
    """Who letters come from: as the header shows it, and the bare address of the envelope."""

    shown: str
    address: str

    @property
    def domain(self) -> str:
        """Our side of every message id."""
        return self.address.rpartition("@")[2]


class Email:
    """Sends letters through one mail server."""

    def __init__(self, server: MailServer, sender: Sender, wire: Wire) -> None:
        self.name = server.name
        self.lines = MOST_LINES
        self._smtp = Smtp(server, our_name=wire.our_name, patience=wire.patience.total_seconds(), trust=wire.trust)
        self._sender = sender

    async def send(self, message: Message, to: Address, key: str) -> Outcome:
        """Write the letter and hand it to the server; a repeat under the same key has the same Message-ID."""
        try:
            _check_address(to.address)
        except Refused as refused:
            return Rejected("address", refused.message)
        return await self._smtp.send(letter(message, to, key, sender=self._sender))

    async def close(self) -> None:
        """End the sessions with the server."""
        await self._smtp.close()


def letter(message: Message, to: Address, key: str, *, sender: Sender) -> Letter:
    """Return the finished letter.

    Every letter of an incident answers one that was never sent, `<incident id@our domain>`: mail programs gather
    letters by that name, whichever of them arrives first.
    """
    words = letter_text(message)
    name = _id_of(key)
    message_id = f"{name}@{sender.domain}"
    headers = [
        ("From", sender.shown),
        ("To", to.address),
        ("Subject", words.subject),
        ("Date", format_datetime(message.sent_at)),
        ("Message-ID", f"<{message_id}>"),
        ("Auto-Submitted", "auto-generated"),  # RFC 3834: out-of-office programs stay silent
        ("X-Auto-Response-Suppress", "All"),  # the same for Exchange
    ]
    if message.incident_id and message.kind in {"page", "status"}:
        thread = f"<{_id_of(message.incident_id)}@{sender.domain}>"
        headers.extend((("In-Reply-To", thread), ("References", thread)))
    if message.urgency == "high" and message.kind in {"page", "bundle", "digest"}:
        headers.extend((("X-Priority", "1"), ("Importance", "high")))
    if message.may_repeat:
        headers.append(("X-Tocsin-May-Repeat", "yes"))
    text = compose(headers, Forms(words.plain, words.html), boundary=f"=_{name[:60]}")
    return Letter(sender=sender.address, recipient=to.address, message=text, message_id=message_id)


def _id_of(name: str) -> str:
    """Return the left side of a message id for a name: the name itself where mail allows it, else its digest."""
    return name if _SAFE_ID.fullmatch(name) else hashlib.sha256(name.encode()).hexdigest()[:32]


def sender_of(text: str) -> Sender:
    """Return who letters come from, read from `Name <name@example.org>`; raises `Refused` for what is no address."""
    name, address = parseaddr(text)
    return Sender(shown=formataddr((name or "Tocsin", address)), address=_check_address(address))


def _providers(settings: EmailSettings, wire: Wire) -> tuple[Provider, ...]:
    sender = sender_of(settings.sender)
    return tuple(Email(server, sender, wire) for server in settings.servers)


def _check_address(address: str) -> str:
    """Return the address with its domain in lower-case ASCII; the local part stays as it is."""
    local, _, domain = address.strip().rpartition("@")
    try:
        domain = domain.lower() if domain.isascii() else domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        domain = ""
    labels = domain.split(".")
    fits = len(local) <= LONGEST_LOCAL_PART and len(local) + len(domain) < LONGEST_ADDRESS
    if not (fits and _LOCAL.fullmatch(local) and all(_LABEL.fullmatch(label) for label in labels)):
        raise Refused(Why.INVALID, "This is not an e-mail address that can be paged: write it as name@example.org.")
    return f"{local}@{domain}"


CHANNEL = Channel(
    kind="email",
    says="Letters with links to acknowledge and resolve",
    limit=Limit(count=30, per=timedelta(minutes=1)),
    settings=EmailSettings,
    providers=_providers,
    check_address=_check_address,
)
