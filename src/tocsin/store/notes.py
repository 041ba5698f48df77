"""Notes as kept: what people wrote about an incident, in the order in which they wrote it."""

from datetime import datetime

from msgspec import Struct

from tocsin.domain.people.permission import Subject
from tocsin.store.pages import Count
from tocsin.store.query import Command, Query


class NoteRow(Struct, frozen=True):
    """A note; `user_id` is None when no person wrote it, `updated_at` when it stands as it was first written."""

    id: str
    incident_id: str
    user_id: str | None
    user_name: str | None
    content: str
    at: datetime
    updated_at: datetime | None
    team_id: str | None

    def subject(self) -> Subject:
        """Return what this is to the permission table."""
        return Subject("note", team_id=self.team_id, owner_id=self.user_id)


_NOTES = """
SELECT n.id, n.incident_id, n.user_id, u.name AS user_name, n.content, n.at, n.updated_at, p.team_id
  FROM note n
  JOIN incident i ON i.id = n.incident_id
  LEFT JOIN app_user u ON u.id = n.user_id
  LEFT JOIN service s ON s.id = i.service_id
  LEFT JOIN escalation_policy p ON p.id = s.escalation_policy_id
 WHERE n.incident_id = %(incident_id)s"""

OF_INCIDENT = Query("notes of this incident, the oldest first", f"{_NOTES} ORDER BY n.id", NoteRow)
BY_ID = Query("note with this id, of this incident", f"{_NOTES} AND n.id = %(id)s", NoteRow)
COUNT = Query("how many notes this incident has", "SELECT count(*) AS n FROM note WHERE incident_id = %(id)s", Count)
CHANGE = Command(
    "write a note anew",
    "UPDATE note SET content = %(content)s, updated_at = tocsin_now() WHERE id = %(id)s",
)
DELETE = Command("remove a note", "DELETE FROM note WHERE id = %(id)s")
