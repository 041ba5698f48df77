"""Answering: what a link in a page does, between the page that shows it and the engine that acts on it."""

from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.incident import Status
from tocsin.domain.incidents.order import By
from tocsin.domain.paging.answer_link import Answer
from tocsin.engine import respond
from tocsin.ground.errors import Refused
from tocsin.store.answers import SEEN_INCIDENT, SeenRow
from tocsin.store.directory import Directory
from tocsin.store.turn import Store, Turn
from tocsin.web import AnswerResult, IncidentView

_VIA = Via("email", "answered from the link in a page")


class Answering:
    """Gives the pages of the web room what they need of incidents."""

    def __init__(self, store: Store, directory: Directory) -> None:
        """Join a store and a directory."""
        self._store = store
        self._directory = directory

    async def look(self, incident_id: str, user_id: str) -> IncidentView | None:
        """Return the incident as this person sees it, or None when it or they are gone."""
        seen = await self._store.read(lambda turn: _see(turn, incident_id, user_id))
        if seen is None:
            return None
        by_person = seen.changed_by_kind == "user"
        return IncidentView(
            number=seen.number,
            title=seen.title,
            service=seen.service,
            status=seen.status,
            urgency=seen.urgency,
            created_at=seen.created_at,
            user_name=seen.person,
            time_zone=seen.time_zone,
            status_by=seen.changed_by if by_person else None,
            status_by_you=by_person and seen.changed_by_id == user_id,
            status_at=seen.status_changed_at,
        )

    async def answer(self, incident_id: str, user_id: str, action: Answer) -> AnswerResult:
        """Give this person's answer to the incident and return what became of it."""

        async def job(turn: Turn) -> AnswerResult:
            seen = await _see(turn, incident_id, user_id)
            if seen is None:
                return AnswerResult(outcome="gone")
            by = By(Agent("user", user_id, seen.person), _VIA)
            try:
                answered = await respond.answer(turn, self._directory, incident_id, answer=action, by=by)
            except Refused:
                return AnswerResult(outcome="gone")
            by_you = answered.changed_by.kind == "user" and answered.changed_by.id == user_id
            resolved = answered.status is Status.RESOLVED
            if answered.changed:
                return AnswerResult(outcome="resolved" if resolved else "acknowledged", by_you=True)
            name = answered.changed_by.name if answered.changed_by.kind == "user" else None
            return AnswerResult(
                outcome="already_resolved" if resolved else "already_acknowledged",
                by=name,
                by_you=by_you,
                at=answered.changed_at,
            )

        return await self._store.work(job)


async def _see(turn: Turn, incident_id: str, user_id: str) -> SeenRow | None:
    return await turn.maybe(SEEN_INCIDENT, {"incident_id": incident_id, "user_id": user_id})
