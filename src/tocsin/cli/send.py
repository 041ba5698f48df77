"""Send: events from a shell or a script, to Tocsin or to anything else that speaks the Events API."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec
from msgspec import Struct

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.frame import Frame, Words, filled
from tocsin.cli.node import Json, decoded, trust, unreached
from tocsin.ground import clock

if TYPE_CHECKING:
    import httpx2

Do = TypeVar("Do", bound=Callable[..., object])

_PATIENCE_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0
_THROTTLED = 429
_ACCEPTED = 202
_FIRST_FAULT = 500
_SEVERITIES = ("critical", "error", "warning", "info")


class Where(Struct, frozen=True):
    """Where an event goes, by which key, and for how many seconds it is tried."""

    key: str | None
    url: str | None
    retry_for: float


class Sent(Struct):
    """The options of `send trigger`."""

    summary: str
    key: str | None
    url: str | None
    retry_for: float
    source: str
    severity: str
    dedup_key: str | None
    component: str | None
    group: str | None
    event_class: str | None
    detail: tuple[str, ...]
    details: Path | None
    link: tuple[str, ...]


class Answered(Struct):
    """The options of `send acknowledge` and `send resolve`."""

    dedup_key: str
    key: str | None
    url: str | None
    retry_for: float


class Changed(Struct):
    """The options of `send change`."""

    summary: str
    key: str | None
    url: str | None
    retry_for: float
    source: str
    detail: tuple[str, ...]
    details: Path | None
    link: tuple[str, ...]


def _options(*options: Callable[[Do], Do]) -> Callable[[Do], Do]:
    def put_on(function: Do) -> Do:
        for option in reversed(options):
            function = option(function)
        return function

    return put_on


_WHERE = (
    click.option("--key", help="The integration's routing key; else TOCSIN_ROUTING_KEY."),
    click.option("--url", help="Where to send: a node, or https://events.pagerduty.com; else TOCSIN_URL."),
    click.option("--retry-for", default=60.0, show_default=True, help="Seconds to go on trying while it is away."),
)
_WHAT = (
    click.option("--source", default=os.uname().nodename, show_default="this host", help="The thing that is affected."),
    click.option("--detail", multiple=True, metavar="NAME=VALUE", help="A detail; may be given again."),
    click.option(
        "--details",
        type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
        help="Details as JSON, from a file or from standard input (-).",
    ),
    click.option("--link", multiple=True, metavar="URL", help="A link to show; may be given again."),
)


@click.group("send", cls=Words)
def send() -> None:
    """Send an event: trigger, acknowledge, resolve, or a change."""


COMMAND = send


@send.command("trigger", cls=filled(Sent))
@click.argument("summary")
@click.option("--dedup-key", help="Says that it is the same problem as before; made up when nothing is said.")
@click.option("--severity", type=click.Choice(_SEVERITIES), default="critical", show_default=True)
@click.option("--component", help="The part of the source that is affected.")
@click.option("--group", help="The group of things it belongs to.")
@click.option("--class", "event_class", help="The kind of problem.")
@_options(*_WHAT, *_WHERE)
def trigger(frame: Frame, form: Sent) -> None:
    """Report a problem. Prints the dedup key, by which it is acknowledged and resolved later."""
    payload = {
        "summary": form.summary,
        "source": form.source,
        "severity": form.severity,
        "component": form.component,
        "group": form.group,
        "class": form.event_class,
        "custom_details": _details(form.detail, form.details),
    }
    body: Json = {"event_action": "trigger", "payload": _without_gaps(payload), "links": _links(form.link)}
    if form.dedup_key:
        body["dedup_key"] = form.dedup_key
    _report(frame, _deliver(frame, "/v2/enqueue", body, to=Where(form.key, form.url, form.retry_for)))


def _answer(action: str, words: str) -> None:
    def command(frame: Frame, form: Answered) -> None:
        body = {"event_action": action, "dedup_key": form.dedup_key}
        _report(frame, _deliver(frame, "/v2/enqueue", body, to=Where(form.key, form.url, form.retry_for)))

    command.__doc__ = words
    made = _options(click.argument("dedup_key"), *_WHERE)(command)
    send.command(action, cls=filled(Answered))(made)


_answer("acknowledge", "Say that somebody works on the problem with this dedup key.")
_answer("resolve", "Say that the problem with this dedup key is over.")


@send.command("change", cls=filled(Changed))
@click.argument("summary")
@_options(*_WHAT, *_WHERE)
def change(frame: Frame, form: Changed) -> None:
    """Tell of a deployment or another change; nobody is paged."""
    payload = {"summary": form.summary, "source": form.source, "custom_details": _details(form.detail, form.details)}
    body = {"payload": _without_gaps(payload), "links": _links(form.link)}
    _report(frame, _deliver(frame, "/v2/change/enqueue", body, to=Where(form.key, form.url, form.retry_for)))


def _details(pairs: tuple[str, ...], file: Path | None) -> object:
    """Return details from NAME=VALUE pairs and a JSON document; pairs win."""
    document: object = None
    if file is not None:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        try:
            document = msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as failure:
            raise Ended(Exit.USAGE, f"The details are not JSON: {failure}") from failure
    named: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Ended(Exit.USAGE, f"Write a detail as NAME=VALUE, not {pair!r}.")
        named[name] = value
    if not named:
        return document
    if document is None:
        return named
    return {**document, **named} if isinstance(document, dict) else {"details": document, **named}


def _links(urls: tuple[str, ...]) -> list[Json]:
    return [{"href": url} for url in urls]


def _without_gaps(values: Mapping[str, object]) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _deliver(frame: Frame, path: str, body: Json, *, to: Where) -> Json:
    """Send until it is accepted or refused, or until time is up; return the answer."""
    import httpx2

    key = to.key or os.environ.get("TOCSIN_ROUTING_KEY", "")
    if not key:
        raise Ended(Exit.USAGE, "Name the integration's routing key with --key or in TOCSIN_ROUTING_KEY.")
    config = frame.config()
    base = (to.url or os.environ.get("TOCSIN_URL") or f"http://{config.http}").rstrip("/")
    url = base if base.endswith("/enqueue") else base + path
    content = msgspec.json.encode({"routing_key": key, **body})
    until, pause = clock.seconds() + to.retry_for, _FIRST_PAUSE_S
    headers = {"Content-Type": "application/json"}
    with httpx2.Client(timeout=_PATIENCE_S, verify=trust(config.tls_dir / "authority.crt"), headers=headers) as client:
        while True:
            problem = _attempt(client, url, content)
            if isinstance(problem, dict):
                return problem
            pause = max(pause, problem.after_s)
            if clock.seconds() + pause > until:
                raise problem.ending
            frame.screen.tell(f"{problem.ending.message} Trying again in {pause:.1f} s.")
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)


class Postponed(Struct):
    """An attempt that may go better later: how the command ends otherwise, and how long to wait at least."""

    ending: Ended
    after_s: float


def _attempt(client: "httpx2.Client", url: str, content: bytes) -> Json | Postponed:
    """Send once; raise `Ended` for a refusal that stays one."""
    import httpx2

    try:
        answer = client.post(url, content=content)
    except httpx2.HTTPError as failure:
        return Postponed(unreached(url, failure), 0.0)
    if answer.status_code == _ACCEPTED:
        return decoded(answer.content)
    said = _said(answer.content) or f"HTTP {answer.status_code}"
    if answer.status_code == _THROTTLED or answer.status_code >= _FIRST_FAULT:
        after = answer.headers.get("retry-after", "")
        ending = Ended(Exit.NOT_REACHED, f"{url} cannot take the event now: {said}")
        return Postponed(ending, float(after) if after.isdigit() else 0.0)
    raise Ended(Exit.FAILED, f"The event was refused: {said}")


def _said(content: bytes) -> str:
    try:
        answer = msgspec.json.decode(content, type=Json)
    except msgspec.MsgspecError:
        return ""
    errors = answer.get("errors") or []
    return ": ".join([str(answer.get("message") or answer.get("status") or ""), *map(str, errors)][:3])


def _report(frame: Frame, answer: Json) -> None:
    if frame.screen.for_programs:
        frame.screen.data(answer)
        return
    frame.screen.say(str(answer.get("dedup_key") or answer.get("message") or "accepted"))
