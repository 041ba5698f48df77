"""Template: the expressions of one manifest, compiled together, and what they give for a request or an alert."""

from collections.abc import Iterable, Mapping

from minijinja import Environment, TemplateError
from msgspec import Struct

from tocsin.domain.events import Json
from tocsin.domain.mapping.filters import FILTERS
from tocsin.domain.mapping.manifest import ChangePart, EventPart, Manifest
from tocsin.ground.errors import Refused, Why

FUEL = 100_000  # steps of one rendering, about 3 ms; the longest shipped manifest takes some hundred per alert

_GATE = "gate"
_ALERT = "alert"

Said = Mapping[str, Json]


class Scope(Struct, frozen=True):
    """What expressions see of a request: payload, headers by lower-case names, query."""

    payload: Json
    headers: Mapping[str, str]
    query: Mapping[str, str]


class Gate(Struct, frozen=True):
    """What a request is before its alerts are looked at: of this tool or not, a greeting or not, and its alerts."""

    required: Json
    handshake: Json
    alerts: Json


class Template:
    """A manifest's expressions as two compiled templates: one for the request, one for each of its alerts.

    The templates print nothing: they hand over what they found, so that a value keeps its type. Raises
    `TemplateError` for expressions that cannot be read; `faults_of` says so in words beforehand.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._environment = environment()
        self._environment.add_template(_GATE, _gate(manifest))
        self._environment.add_template(_ALERT, _alert(manifest))

    def gate(self, scope: Scope) -> Gate:
        """Return what the whole request is. Raises `Refused` when an expression fails."""
        return Gate(*self._kept(_GATE, scope, None))

    def alert(self, scope: Scope, alert: Json) -> Said:
        """Return what one alert says, by the names of the manifest. Raises `Refused` when an expression fails."""
        return self._kept(_ALERT, scope, alert)[0]  # type: ignore[return-value] # the template keeps one object

    def _kept(self, name: str, scope: Scope, alert: Json) -> list[Json]:
        kept: list[Json] = []
        try:
            self._environment.render_template(
                name, p=scope.payload, h=scope.headers, q=scope.query, e=alert, keep=kept.append
            )
        except TemplateError as failure:
            why = failure.detail or failure.kind
            raise Refused(Why.INVALID, f"The mapping does not fit this request: {why}.") from None
        except (TypeError, ValueError) as failure:  # from a filter that was given what it cannot take
            raise Refused(Why.INVALID, f"The mapping does not fit this request: {failure}.") from None
        return kept


def environment() -> Environment:
    """Return the environment of every manifest: what is not there is empty, however deep one looks for it."""
    return Environment(
        undefined_behavior="chainable",
        fuel=FUEL,
        auto_escape_callback=lambda _: False,
        filters=FILTERS,
        tests={"sequence": _is_sequence},
        debug=False,
    )


def _is_sequence(value: Json) -> bool:
    """Return whether the value is a list; MiniJinja's own test takes what is not there for one."""
    return isinstance(value, list | tuple)


def _gate(manifest: Manifest) -> str:
    when = manifest.when
    return (
        f"{{%- if not ({when.require or 'true'}) -%}}{{{{ keep(false) }}}}{{{{ keep(none) }}}}{{{{ keep(none) }}}}"
        f"{{%- else -%}}{{%- set _handshake = ({when.handshake or 'none'}) -%}}"
        f"{{{{ keep(true) }}}}{{{{ keep(_handshake) }}}}"
        f"{{{{ keep(none if _handshake else ({manifest.decode.each or 'none'})) }}}}{{%- endif -%}}"
    )


def _alert(manifest: Manifest) -> str:
    lets = "".join(f"{{%- set {name} = ({value}) -%}}" for name, value in manifest.decode.let.items())
    ignore = manifest.when.ignore or "none"
    event, change = manifest.event, manifest.change
    kept = f"{{%- set _ignored = ({ignore}) -%}}{{%- if _ignored -%}}{{{{ keep({{'ignored': _ignored}}) }}}}"
    if change is not None:
        kept += f"{{%- elif ({change.when or 'true'}) -%}}{{{{ keep({_change(change)}) }}}}"
    if event is not None:
        kept += f"{{%- else -%}}{{{{ keep({_event(event)}) }}}}"
    return f"{lets}{kept}{{%- endif -%}}"


def _event(part: EventPart) -> str:
    return _object({
        "action": part.action,
        "dedup": _list(part.dedup),
        "summary": part.summary,
        "source": part.source,
        "severity": part.severity,
        "time": part.time,
        "component": part.component,
        "group": part.group,
        "class": part.class_name,
        "client": part.client,
        "client_url": part.client_url,
        "links": _list(link.href for link in part.links),
        "images": _list(image.src for image in part.images),
        "details": _object(part.details),
    })  # fmt: skip


def _change(part: ChangePart) -> str:
    return _object({
        "change": "true",
        "summary": part.summary,
        "source": part.source,
        "time": part.time,
        "links": _list(link.href for link in part.links),
        "details": _object(part.details),
    })  # fmt: skip


def _object(members: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"'{name}': ({value})" for name, value in members.items() if value) + "}"


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(f"({value})" for value in values) + "]"
