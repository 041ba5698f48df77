"""Answer: acknowledging or resolving from the link in a page, after looking at what it is about.

Mail scanners and chat previews open every link they see. So opening one only shows the incident and a button; the
button sends the answer.
"""

from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from tocsin.domain.paging.answer_link import Answer, AnswerLink, read
from tocsin.ground.errors import Refused, Why
from tocsin.store.keyring import Keyring
from tocsin.store.turn import Store, Turn
from tocsin.web.page import Response, clock_time, notice, page

PURPOSE = "answer-link"  # what the signing key is derived for

Outcome = Literal["acknowledged", "resolved", "already_acknowledged", "already_resolved", "gone"]


class IncidentView(Struct, frozen=True, kw_only=True):
    """An incident as the person behind a link needs to see it before answering.

    `user_name` and `time_zone` are that person's. `status_by` names who last changed the status (None: the product
    or a tool), `status_by_you` whether it was that person.
    """

    number: int
    title: str
    service: str
    status: str
    urgency: str
    created_at: datetime
    user_name: str
    time_zone: str = "Etc/UTC"
    status_by: str | None = None
    status_by_you: bool = False
    status_at: datetime | None = None


class AnswerResult(Struct, frozen=True, kw_only=True):
    """What became of an answer; for the two that came too late, who was first and when."""

    outcome: Outcome
    by: str | None = None
    by_you: bool = False
    at: datetime | None = None


class Answers(Protocol):
    """What the program can do with an answer; joined with the engine where the house is put together."""

    async def look(self, incident_id: str, user_id: str) -> IncidentView | None:
        """Return the incident as this person sees it, or None when it or they are gone."""

    async def answer(self, incident_id: str, user_id: str, action: Answer) -> AnswerResult:
        """Give this person's answer to the incident and return what became of it."""


_BUTTONS: dict[Answer, str] = {"acknowledge": "Acknowledge", "resolve": "Resolve"}
_PROMISES: dict[Answer, str] = {
    "acknowledge": "The incident becomes yours and nobody else is paged for it.",
    "resolve": "The incident is closed for everybody and paging ends.",
}
_SIGNS = {"triggered": "●", "acknowledged": "◐", "resolved": "✓"}
_MEANINGS: dict[Outcome, str] = {
    "acknowledged": "Escalation has stopped; nobody else is paged for this incident.",
    "resolved": "The incident is closed and paging for it has ended.",
    "already_acknowledged": "Your answer changed nothing.",
    "already_resolved": "There is nothing left to answer.",
    "gone": "There is nothing left to answer.",
}


class AnswerPage:
    """Shows an incident from a link, and takes the answer."""

    def __init__(self, store: Store, keyring: Keyring, answers: Answers) -> None:
        """Read links with this keyring's key and give answers to `answers`."""
        self._store = store
        self._key = keyring.derive(PURPOSE)
        self._answers = answers

    async def show(self, token: str) -> Response:
        """Answer GET: what the link is about, with a button when there is something to answer; changes nothing."""
        link = await self._link(token)
        if isinstance(link, Response):
            return link
        view = await self._answers.look(link.incident_id, link.user_id)
        if view is None:
            return _gone()
        settled = _settled(view, link.action)
        return _page(view, action=None if settled else link.action, headline=settled)

    async def take(self, token: str) -> Response:
        """Answer POST: give the answer and say what became of it; doing it twice says who was first."""
        link = await self._link(token)
        if isinstance(link, Response):
            return link
        result = await self._answers.answer(link.incident_id, link.user_id, link.action)
        view = await self._answers.look(link.incident_id, link.user_id)
        if view is None or result.outcome == "gone":
            return _gone()
        return _page(view, headline=_headline(result, view), text=_MEANINGS[result.outcome])

    async def _link(self, token: str) -> AnswerLink | Response:
        now = await self._store.read(_instant)
        try:
            return read(self._key, token, now)
        except Refused as refused:
            if refused.why is Why.STALE:
                advice = "Log in and answer there, use a link from a newer page, or run: tocsin incident ack"
                return notice(410, "This link has expired", f"{refused.message} {advice}", next_path="/app/")
            return notice(404, "This link does not work", refused.message)


async def _instant(turn: Turn) -> datetime:
    return turn.now


def _page(view: IncidentView, *, action: Answer | None = None, headline: str = "", text: str = "") -> Response:
    said = {
        "view": view,
        "sign": _SIGNS.get(view.status, "●"),
        "since": clock_time(view.created_at, view.time_zone),
        "button": _BUTTONS[action] if action else "",
        "promise": _PROMISES[action] if action else "",
        "headline": headline,
        "text": text,
    }
    return page("answer.html", said)


def _settled(view: IncidentView, action: Answer) -> str:
    """Return who already did what the link asks for, or nothing when it is still to be done."""
    if view.status == "resolved":
        return _who_did("Already resolved", view.status_by, view.status_at, view)
    if view.status == "acknowledged" and action == "acknowledge":
        return _who_did("Already acknowledged", view.status_by, view.status_at, view)
    return ""


def _headline(result: AnswerResult, view: IncidentView) -> str:
    words = result.outcome.replace("_", " ").capitalize()
    if not result.outcome.startswith("already"):
        return f"{words} by you"
    return _who_did(words, "you" if result.by_you else result.by, result.at, view)


def _who_did(words: str, by: str | None, at: datetime | None, view: IncidentView) -> str:
    who = "you" if view.status_by_you and by == view.status_by else by
    parts = [words, f"by {who}" if who else "", f"at {clock_time(at, view.time_zone)}" if at else ""]
    return " ".join(part for part in parts if part)


def _gone() -> Response:
    return notice(404, "This incident is not here any more", "There is nothing left to answer.")
