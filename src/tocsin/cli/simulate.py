"""Simulate: asking a running node who would be paged, and showing the answer minute by minute."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.frame import Frame, Word, filled
from tocsin.cli.instant import instant_of
from tocsin.cli.named import POLICY, SERVICE, USER, find
from tocsin.cli.node import Json, Node
from tocsin.cli.screen import Screen, listed, when

_ACK = re.compile(r"(?P<who>.+?)\s+\+(?P<count>\d+)(?P<unit>[smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Form(Struct):
    """What the command line says."""

    service: str | None
    policy: str | None
    event: Path | None
    at: str
    ack: tuple[str, ...]
    urgency: str | None


@click.command("simulate", cls=filled(Form))
@click.argument("service", metavar="[SERVICE]", required=False)
@click.option("--policy", metavar="NAME|ID", help="Ask what an escalation policy does.")
@click.option(
    "--event",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ask what this event does: JSON as the Events API takes it, with its routing key.",
)
@click.option(
    "--at",
    default="now",
    show_default=True,
    metavar="WHEN",
    help='"now", "tonight 03:00", "tomorrow 03:00" or a date of ISO 8601.',
)
@click.option("--ack", multiple=True, metavar='"WHO +4m"', help="What if this person acknowledges after so long?")
@click.option(
    "--urgency", type=click.Choice(("high", "low")), help="In place of the one that the service's rule gives."
)
def simulate(frame: Frame, form: Form) -> int:
    """Say who would be paged, when, how and why, if something went wrong; nothing happens and nobody is paged.

    SERVICE is a service's name or id. The exit code is 5 when nobody at all would be told.
    """
    if sum(each is not None for each in (form.service, form.policy, form.event)) != 1:
        raise Ended(Exit.USAGE, "Name one of these: a service, --policy NAME, or --event FILE.")
    with Node(frame) as node:
        body = {**_subject(node, form), **_circumstances(node, form)}
        found: Json = node.post("/api/simulate", body)["simulation"]
    if frame.screen.for_programs:
        frame.screen.data({"simulation": found})
    else:
        _show(frame.screen, found)
    nobody = found["outcome"]["kind"] == "opens" and not any(page["sent"] for page in found["pages"])
    return Exit.TROUBLE if nobody else Exit.OK


COMMAND: Word = simulate


def _subject(node: Node, form: Form) -> Json:
    if form.service is not None:
        return {"service_id": find(node, form.service, SERVICE).id}
    if form.policy is not None:
        return {"escalation_policy_id": find(node, form.policy, POLICY).id}
    return {"event": _event(form.event)}


def _event(file: Path | None) -> object:
    if file is None:
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=Json)
    except msgspec.MsgspecError as failure:
        raise Ended(Exit.USAGE, f"{file} is not a JSON object: {failure}") from failure


def _circumstances(node: Node, form: Form) -> Json:
    """Return when it happens and who answers, as the API reads it."""
    said: Json = {}
    at = _at(form.at)
    if at is not None:
        said["at"] = at.isoformat()
    if form.urgency is not None:
        said["urgency"] = form.urgency
    if form.ack:
        said["answers"] = [_answer(node, text) for text in form.ack]
    return said


def _at(text: str) -> datetime | None:
    """Return the instant that was typed, or None for now: the node's clock knows better what that is."""
    return None if text.strip().lower() == "now" else instant_of(text)


def _answer(node: Node, text: str) -> Json:
    match = _ACK.fullmatch(text.strip())
    if match is None:
        raise Ended(Exit.USAGE, f'Write who acknowledges and after how long as "ann@example.org +4m", not {text!r}.')
    after_s = int(match["count"]) * _SECONDS[match["unit"]]
    return {"user": find(node, match["who"], USER).id, "acknowledges_after_s": after_s}


def _show(screen: Screen, found: Json) -> None:
    subject = found.get("service") or found.get("escalation_policy") or {}
    screen.say(f"{subject.get('summary', '')}, {when(found['at'])}")
    screen.say("")
    for sentence in found["sentences"]:
        offset, _, text = str(sentence).partition(" ")
        screen.say(f"{offset:>8}  {text}")
    _show_net(screen, found["safety_net"])
    _show_warnings(screen, found["warnings"])


def _show_net(screen: Screen, net: Sequence[Json]) -> None:
    if not net:
        return
    screen.say("")
    screen.say("If the whole policy has nobody:")
    for each in net:
        people = listed(str(user["summary"]) for user in each["users"])
        screen.say(f"          {each['fallback']}: {people}{'' if each['reachable'] else ' (not reachable)'}")


def _show_warnings(screen: Screen, warnings: Sequence[str]) -> None:
    if warnings:
        screen.say("")
    for warning in warnings:
        screen.say(f"      !   {warning}")
