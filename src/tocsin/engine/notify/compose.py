"""Compose: what a page says, and where its answers lead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tocsin.domain.paging.answer_link import Answer, AnswerLink, sign
from tocsin.domain.paging.channel import Address
from tocsin.domain.paging.message import BundleLine, Message
from tocsin.store.keyring import Keyring
from tocsin.store.notices.sending import ClaimedNotice
from tocsin.store.notifications import Claimed

ANSWER_LINKS = "answer-link"  # what the keyring derives the signing key of links for
_LINKS_LIVE = timedelta(hours=24)  # an answer from a mail of yesterday is more likely a mistake than an answer
_MOST_LINES = 20  # incidents named in one bundle; the rest is counted


class Addressed(Protocol):
    """Whatever goes to a contact method: what its address is made of."""

    contact_method_id: str
    channel: str
    person: str
    address: str | None
    country_code: int | None
    secret_sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Composer:
    """Writes messages; `public_url` is where people reach this installation, without a closing slash."""

    public_url: str
    keyring: Keyring

    def page(self, page: Claimed, now: datetime) -> Message:
        """Return the message that asks one person about one incident."""
        url = self._incident_url(page.incident_id)
        return Message(
            kind="page",
            sent_at=now,
            incident_id=page.incident_id,
            number=page.number,
            title=page.title,
            service=page.service,
            urgency=page.urgency,
            status=page.status,
            level=_level(page),
            reason=_reason(page),
            created_at=page.incident_created_at,
            time_zone=page.time_zone,
            locale=page.locale,
            url=url,
            acknowledge_url=self._answer_url(page, "acknowledge", now),
            resolve_url=self._answer_url(page, "resolve", now),
            may_repeat=page.may_repeat,
            details=(("Alerts", str(page.alerts_total)),) if page.alerts_total > 1 else (),
            body=_body(page, url),
        )

    def several(self, pages: Sequence[Claimed], now: datetime, *, digest: bool) -> Message:
        """Return the one message that speaks of several incidents: of a storm, or of what came while we were down."""
        first = pages[0]
        lines = tuple(
            BundleLine(
                number=page.number,
                title=page.title,
                service=page.service,
                urgency=page.urgency,
                url=self._incident_url(page.incident_id),
            )
            for page in pages[:_MOST_LINES]
        )
        return Message(
            kind="digest" if digest else "bundle",
            sent_at=now,
            incident_id=first.incident_id,
            number=first.number,
            title=first.title,
            service=first.service,
            urgency="high" if any(page.urgency == "high" for page in pages) else "low",
            reason=_reason(first),
            created_at=first.incident_created_at,
            time_zone=first.time_zone,
            locale=first.locale,
            url=f"{self.public_url}/app/incidents",
            may_repeat=any(page.may_repeat for page in pages),
            lines=lines,
            total=len(pages),
            body={"incidents": [_body(page, self._incident_url(page.incident_id)) for page in pages]},
        )

    def notice(self, notice: ClaimedNotice, now: datetime) -> Message:
        """Return the message that tells one person something and asks for no answer."""
        return Message(
            kind="notice",
            sent_at=now,
            title=notice.title,
            urgency="low",
            reason=notice.text,
            time_zone=notice.time_zone,
            locale=notice.locale,
            url=f"{self.public_url}{notice.url_path}",
            may_repeat=notice.may_repeat,
            body={"kind": notice.kind, "user": {"id": notice.user_id, "name": notice.person}},
        )

    def address(self, page: Addressed) -> Address:
        """Return where a message goes, with the secret that the receiver knows us by opened."""
        secret = None
        if page.secret_sealed is not None:
            secret = self.keyring.open(
                page.secret_sealed, table="contact_method", row_id=page.contact_method_id, column="secret_sealed"
            ).decode()
        return Address(
            channel=page.channel,
            address=page.address or "",
            person=page.person,
            secret=secret,
            country_code=page.country_code,
        )

    def _incident_url(self, incident_id: str) -> str:
        return f"{self.public_url}/app/incidents/{incident_id}"

    def _answer_url(self, page: Claimed, action: Answer, now: datetime) -> str:
        link = AnswerLink(
            incident_id=page.incident_id,
            user_id=page.user_id,
            action=action,
            valid_until=now + _LINKS_LIVE,
            round=page.round,
        )
        return f"{self.public_url}/answer/{sign(self.keyring.derive(ANSWER_LINKS), link)}"


def _level(page: Claimed) -> int:
    """Return the level that was called, counted from 1, or 0 when it was a list of last resort."""
    if not page.levels or not 0 < page.level <= page.levels * (page.repeats + 1):
        return 0
    return (page.level - 1) % page.levels + 1


def _reason(page: Claimed) -> str:
    if page.assigned_via == "direct_assignment":
        return "It was assigned to you directly."
    level = _level(page)
    return f"You are on level {level} of {page.policy}." if level else f"Nobody else was on call for {page.service}."


def _body(page: Claimed, url: str) -> dict[str, object]:
    return {
        "id": page.incident_id,
        "number": page.number,
        "title": page.title,
        "status": page.status,
        "urgency": page.urgency,
        "service": {"id": page.service_id, "name": page.service},
        "created_at": page.incident_created_at,
        "html_url": url,
        "user": {"id": page.user_id, "name": page.person},
    }
