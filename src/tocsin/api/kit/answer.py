"""Answers: the envelopes that clients of the API decode."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tocsin.ground.page import Listed, Stretch

Row = TypeVar("Row")

OK = 200
CREATED = 201
NO_CONTENT = 204


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers: a status, a JSON document (none for 204) and headers beside the usual ones."""

    status: int
    payload: Mapping[str, object] | Sequence[object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def shown(key: str, resource: object, *, status: int = OK) -> Answer:
    """Answer one resource under its singular key.

    It is the only key: the official Go client decodes the answer as a map of one type, and a second key of
    another type made it repeat the request for two minutes.
    """
    return Answer(status, {key: resource})


def listed(key: str, items: Sequence[object], *, page: Listed[Row], stretch: Stretch) -> Answer:
    """Answer a stretch of a list under its plural key, with what a client needs to ask for the next one.

    `limit` and `offset` are always numbers and `more` is always there: clients compute the next offset from them.
    """
    paging = {"limit": stretch.limit, "offset": stretch.offset, "more": page.more, "total": page.total}
    return Answer(OK, {key: items, **paging})


def gone() -> Answer:
    """Answer that it is done and that there is nothing to say about it."""
    return Answer(NO_CONTENT)
