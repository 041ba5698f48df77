"""Mapper: makes events of a tool's own words, as the tool's manifest says."""

from collections.abc import Iterable

from msgspec import Struct

from tocsin.domain.events import Change, Event, Json
from tocsin.domain.mapping.content import payload_of
from tocsin.domain.mapping.faults import faults_of
from tocsin.domain.mapping.filters import words_of
from tocsin.domain.mapping.manifest import Manifest
from tocsin.domain.mapping.outcome import Ignored, Judge, Outcome
from tocsin.domain.mapping.request import Request
from tocsin.domain.mapping.template import Scope, Template
from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import repair

MOST_ALERTS = 1000  # of one request; the largest groups seen hold some hundred


class Mapped(Struct, frozen=True):
    """What a request became.

    `ignored` counts alerts that call nobody; `note` says what a greeting was or why the first of them was ignored.
    `faults` names each alert that could not be read while others could: those others count all the same.
    """

    events: tuple[Event, ...] = ()
    changes: tuple[Change, ...] = ()
    ignored: int = 0
    note: str | None = None
    faults: tuple[str, ...] = ()


class Mapper:
    """A manifest compiled once, for any number of requests. Raises `Refused` for a manifest with faults."""

    def __init__(self, manifest: Manifest) -> None:
        faults = faults_of(manifest)
        if faults:
            raise Refused(Why.INVALID, f"The manifest {manifest.id} has faults: {'; '.join(faults)}", faults)
        self._manifest = manifest
        self._template = Template(manifest)
        self._judge = Judge(manifest)

    def map(self, request: Request) -> Mapped:
        """Return what the request means. Raises `Refused` when nothing of it can be read."""
        payload = payload_of(request, self._manifest.accept)
        query = {repair(name): repair(value) for name, value in request.query.items()}
        scope = Scope(payload, {name: repair(value) for name, value in request.headers.items()}, query)
        gate = self._template.gate(scope)
        if not gate.required:
            raise Refused(
                Why.INVALID, f"This is not what {self._manifest.name} sends: a part that it always has is missing."
            )
        if gate.handshake:
            return Mapped(note=words_of(gate.handshake))
        return _together(self._outcomes(scope, self._alerts(payload, gate.alerts)))

    def _alerts(self, payload: Json, found: Json) -> list[Json] | tuple[Json, ...]:
        each = self._manifest.decode.each
        if not each:
            return (payload,)
        if not isinstance(found, list | tuple):
            raise Refused(Why.INVALID, f"There is no list of alerts where {self._manifest.name} has it: {each}.")
        if len(found) > MOST_ALERTS:
            raise Refused(Why.TOO_MANY, f"The request holds more than {MOST_ALERTS} alerts; send fewer at once.")
        return found

    def _outcomes(self, scope: Scope, alerts: Iterable[Json]) -> list[Outcome | Refused]:
        outcomes: list[Outcome | Refused] = []
        for alert in alerts:
            try:
                outcomes.append(self._judge.outcome(self._template.alert(scope, alert)))
            except Refused as refused:
                outcomes.append(refused)
        return outcomes


def _together(outcomes: list[Outcome | Refused]) -> Mapped:
    """Return what all alerts became; when none could be read, the first one's refusal is raised for all."""
    refused = [(number, one) for number, one in enumerate(outcomes, start=1) if isinstance(one, Refused)]
    if refused and len(refused) == len(outcomes):
        first = refused[0][1]
        raise Refused(first.why, first.message, tuple(dict.fromkeys(one.message for _, one in refused)))
    ignored = [one for one in outcomes if isinstance(one, Ignored)]
    return Mapped(
        events=tuple([one for one in outcomes if isinstance(one, Event)]),
        changes=tuple([one for one in outcomes if isinstance(one, Change)]),
        ignored=len(ignored),
        note=ignored[0].why if ignored else None,
        faults=tuple([f"Alert {number}: {one.message}" for number, one in refused]),
    )
