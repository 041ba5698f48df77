"""Story: an alert, a page that nobody answers, an escalation, an answer, an end, and the proof of each step."""

import asyncio
from importlib import resources

import msgspec

from tocsin.cli.demo.caller import Caller, Json
from tocsin.cli.demo.cast import ANN, BO, WAIT_S, Cast, cast
from tocsin.cli.demo.mailbox import Letter
from tocsin.cli.demo.stage import Stage
from tocsin.cli.demo.telling import Moment, Teller, duration
from tocsin.cli.ending import Ended, Exit
from tocsin.ground import clock
from tocsin.store import audit
from tocsin.store.demonstration import MOMENTS, RECEIPTS

_PAGE_WITHIN_S = 10.0
_STATUS_WITHIN_S = 10.0
_SEALED_WITHIN_S = 10.0
_QUIET_FOR_S = 1.2  # seconds without a letter after the answer: the promise is silence after one second
_LOOK_AGAIN_S = 0.05
_MS = 1000.0


class Story:
    """The scenes in order; each ends the demonstration when what it shows does not hold."""

    def __init__(self, stage: Stage, caller: Caller, teller: Teller) -> None:
        """Play on this stage."""
        self._stage = stage
        self._caller = caller
        self._teller = teller
        self._incident_id = ""

    async def play(self) -> Cast:
        """Play every scene and return the cast."""
        people = await self._organisation()
        sent_at = await self._alert(people)
        first = await self._first_page(people, sent_at)
        second = await self._escalation(people, first)
        await self._answer(second)
        await self._resolve(people)
        await self._log()
        await self._proof()
        return people

    async def _organisation(self) -> Cast:
        self._teller.scene("A small organisation, made through set-up and API")
        people = await cast(self._stage, self._caller)
        self._teller.say(
            f"Olga took the printed set-up token and owns it. The service “checkout” calls {ANN}, then {BO}.\n"
            f"The API allows waits from one minute up. For this demonstration Ann's wait was set to {WAIT_S} seconds\n"
            "in the database itself; everything else is as you would do it."
        )
        return people

    async def _alert(self, people: Cast) -> float:
        self._teller.scene("Alertmanager reports trouble, in the words it has for PagerDuty")
        body = _recorded("alertmanager-trigger.json", people.routing_key)
        self._teller.say(f"POST {self._stage.url}/v2/enqueue   {body['payload']['summary']}")
        sent_at = clock.seconds()
        await self._caller.event(body)
        took_ms = (clock.seconds() - sent_at) * _MS
        self._teller.facts["accepted_ms"] = round(took_ms, 1)
        self._teller.proved(f"202 after {duration(took_ms)}: the event is on disk before the sender hears so")
        return sent_at

    async def _first_page(self, people: Cast, sent_at: float) -> Letter:
        self._teller.scene(f"{ANN} is paged")
        letter = await self._letter(people.ann)
        took_ms = (letter.at - sent_at) * _MS
        self._teller.facts["first_page_ms"] = round(took_ms, 1)
        self._teller.letter(letter)
        self._teller.proved(f"in the mailbox {duration(took_ms)} after the event was sent")
        incident = await self._only_incident()
        self._incident_id = str(incident["id"])
        self._hold(incident["status"] == "triggered", "the incident is triggered")
        return letter

    async def _escalation(self, people: Cast, first: Letter) -> Letter:
        self._teller.scene(f"Nobody answers for {WAIT_S} seconds, so {BO} is paged as well")
        letter = await self._letter(people.bo)
        waited_ms = (letter.at - first.at) * _MS
        self._teller.facts["escalated_after_ms"] = round(waited_ms, 1)
        self._teller.letter(letter)
        self._hold(waited_ms >= (WAIT_S - 1) * _MS, "the second level was not called too early")
        self._teller.proved(f"{duration(waited_ms)} after the first page")
        return letter

    async def _answer(self, letter: Letter) -> None:
        self._teller.scene("Bo opens the link in the letter and presses the button")
        url = letter.acknowledge_url
        self._hold(url, "the letter holds a link that acknowledges")
        await self._caller.page("GET", url)
        self._hold(await self._status() == "triggered", "opening the link changes nothing")
        self._teller.proved("opening the link only shows the incident: a mail scanner cannot acknowledge it")
        began = clock.seconds()
        await self._caller.page("POST", url)
        took_ms = (clock.seconds() - began) * _MS
        self._hold(await self._status() == "acknowledged", "the button acknowledges")
        letters = len(self._stage.box.letters)
        await asyncio.sleep(_QUIET_FOR_S)
        self._hold(len(self._stage.box.letters) == letters, "nobody is paged after the answer")
        self._teller.facts["acknowledged_ms"] = round(took_ms, 1)
        self._teller.proved(f"acknowledged in {duration(took_ms)}; nobody is paged any more")

    async def _resolve(self, people: Cast) -> None:
        self._teller.scene("Alertmanager reports that it is over")
        await self._caller.event(_recorded("alertmanager-resolve.json", people.routing_key))
        began = clock.seconds()
        while await self._status() != "resolved":
            self._hold(clock.seconds() - began < _STATUS_WITHIN_S, "the resolve event resolves the incident")
            await asyncio.sleep(_LOOK_AGAIN_S)
        self._teller.proved("the incident is resolved")

    async def _log(self) -> None:
        self._teller.scene("What happened, step by step")
        moments = await self._moments()
        self._hold(len(moments) > 1, "the incident has a log")
        self._teller.log(moments)
        self._teller.facts["log"] = moments

    async def _moments(self) -> list[Moment]:
        """Return the log in the words of the API, with the milliseconds that the database knows."""
        store, values = self._stage.started.house.store, {"incident_id": self._incident_id}
        rows = await store.read(lambda turn: turn.rows(MOMENTS, values))
        answer = await self._caller.ask("GET", f"/incidents/{self._incident_id}/log_entries?limit=100")
        says = {entry["id"]: str(entry["summary"]) for entry in answer["log_entries"]}
        moments, before = [], rows[0].at
        for row in rows:
            step, after = (row.at - before).total_seconds(), (row.at - rows[0].at).total_seconds()
            moments.append(Moment(step * _MS, after * _MS, says.get(row.id, "")))
            before = row.at
        return moments

    async def _proof(self) -> None:
        self._teller.scene("The proof")
        house = self._stage.started.house
        key = house.keyring.derive("audit")
        began = clock.seconds()
        while True:
            verdict = await audit.verify(house.store, key, lambda _done, _all: None)
            if verdict.sealed and not verdict.waiting:
                break
            self._hold(clock.seconds() - began < _SEALED_WITHIN_S, "every audit record is sealed within seconds")
            await asyncio.sleep(_LOOK_AGAIN_S)
        self._hold(verdict.intact, "; ".join(verdict.faults))
        self._teller.proved(f"all {verdict.sealed} changes of configuration are in the audit chain, and it is intact")
        findings = await house.auditor.check()
        self._hold(findings.clean, f"the promises hold: {findings.broken}")
        self._teller.proved("nothing waits, nothing is overdue, no page ended unknown")
        values = {"incident_id": self._incident_id}
        receipts = await house.store.read(lambda turn: turn.rows(RECEIPTS, values))
        self._hold(len(receipts) == len(self._stage.box.letters), "as many letters as pages that were handed over")
        self._teller.proved(
            f"{len(receipts)} pages handed over, {len(receipts)} letters in the mailbox: none lost, none twice"
        )
        self._teller.facts |= {"audit_records": verdict.sealed, "pages": len(receipts)}

    async def _letter(self, recipient: str) -> Letter:
        try:
            return await self._stage.box.first(recipient, within_s=WAIT_S + _PAGE_WITHIN_S)
        except TimeoutError as failure:
            raise Ended(Exit.FAILED, f"This does not hold: {recipient} gets a letter") from failure

    async def _only_incident(self) -> Json:
        incidents = (await self._caller.ask("GET", "/incidents"))["incidents"]
        self._hold(len(incidents) == 1, "one event made one incident")
        only: Json = incidents[0]
        return only

    async def _status(self) -> str:
        return str((await self._caller.ask("GET", f"/incidents/{self._incident_id}"))["incident"]["status"])

    def _hold(self, holds: object, promise: str) -> None:
        """End the demonstration unless a promise holds."""
        if not holds:
            raise Ended(Exit.FAILED, f"This does not hold: {promise}")


def _recorded(name: str, routing_key: str) -> Json:
    """Return a recorded event with this routing key in place of the one it was sent with."""
    text = resources.files("tocsin.cli.demo").joinpath("samples", name).read_bytes()
    body: Json = msgspec.json.decode(text)["body"]
    return {**body, "routing_key": routing_key}
