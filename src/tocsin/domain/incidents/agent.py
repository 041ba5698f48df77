"""Agents: who or what changed an incident, and by which way."""

from typing import Literal

from msgspec import Struct


class Agent(Struct, frozen=True):
    """The doer of a change, as the timeline names it."""

    kind: Literal["user", "service", "integration", "system"]
    id: str
    name: str


class Via(Struct, frozen=True, omit_defaults=True):
    """The way by which a change came, as a log entry's channel shows it: `api`, `email`, `timeout`, `auto`."""

    kind: str
    summary: str | None = None
    detail: str | None = None


TOCSIN = Agent("system", "TOCSIN", "Tocsin")
BY_TIMEOUT = Via("timeout")
BY_ITSELF = Via("auto")
