"""Demo: the whole story in one terminal, with everything real and nothing left behind."""

import asyncio
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import click

from tocsin.cli.frame import Frame, Word

if TYPE_CHECKING:
    from tocsin.cli.demo.cast import Cast
    from tocsin.cli.demo.stage import Stage
    from tocsin.cli.demo.telling import Teller


@click.command("demo", cls=Word)
@click.option("--keep", is_flag=True, help="Leave it running after the story, to try things out.")
def demo(frame: Frame, *, keep: bool) -> None:
    """Tell the whole story in the terminal: an alert, a page, an escalation, an answer, the proof.

    Everything runs here, on free ports and with data of its own: the program, its PostgreSQL, a mailbox. Nothing is
    left behind. It ends with an error when any step does not hold.
    """
    import uvloop

    from tocsin.cli.logs import be_quiet

    be_quiet()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_demonstrate(frame, keep=keep))


COMMAND = demo


async def _demonstrate(frame: Frame, *, keep: bool) -> None:
    from tocsin.cli.demo.caller import Caller
    from tocsin.cli.demo.stage import stage
    from tocsin.cli.demo.story import Story
    from tocsin.cli.demo.telling import Teller, duration
    from tocsin.ground import clock

    this = asyncio.current_task()
    if this is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    teller, began = Teller(frame.screen), clock.seconds()
    teller.scene("Tocsin starts, with a PostgreSQL of its own and an empty mailbox")
    async with stage(_unheard) as place:
        started_ms = (clock.seconds() - began) * 1000
        teller.facts["started_ms"] = round(started_ms, 1)
        teller.proved(f"ready after {duration(started_ms)}, at {place.url}")
        caller = Caller(place)
        try:
            people = await Story(place, caller, teller).play()
        finally:
            await caller.close()
        _sum_up(teller, took_ms=(clock.seconds() - began) * 1000)
        if keep:
            await _linger(place, people, teller)
    if not keep:
        teller.say("\nStopped, and the data is removed. Your own installation: tocsin serve")


def _unheard(_line: str) -> None:
    """Leave the steps of a start out of the story."""


def _sum_up(teller: "Teller", *, took_ms: float) -> None:
    from tocsin.cli.demo.telling import duration

    facts = teller.facts
    facts["took_ms"] = round(took_ms, 1)
    if teller.screen.for_programs:
        teller.screen.data(facts)
        return
    accepted, paged = float(str(facts["accepted_ms"])), float(str(facts["first_page_ms"]))
    teller.screen.say(
        f"\nAccepted in {duration(accepted)}, first page after {duration(paged)}, "
        f"acknowledged in {duration(float(str(facts['acknowledged_ms'])))}; the whole story took {duration(took_ms)}."
    )


async def _linger(place: "Stage", people: "Cast", teller: "Teller") -> None:
    """Leave everything running and say what to try, until somebody interrupts."""
    from tocsin.cli.demo.cast import OWNER_EMAIL

    program = "tocsin" if shutil.which("tocsin") else sys.argv[0]
    teller.screen.say(
        f"\nIt stays up until Ctrl-C; then everything is removed.\n\n"
        f"  log in at      {place.started.http_url}/login   as {OWNER_EMAIL}, password {people.password}\n"
        f"  for commands   export TOCSIN_URL={place.started.http_url} TOCSIN_TOKEN={people.token} "
        f"TOCSIN_ROUTING_KEY={people.routing_key}\n\n"
        f"  {program} send trigger 'disk full on db1'\n"
        f"  {program} incident list\n"
        f"  {program} incident ack 2\n"
        f"  curl --cacert {place.authority} {place.url}/metrics\n"
    )
    known = len(place.box.letters)
    while True:
        await asyncio.sleep(0.2)
        for letter in place.box.letters[known:]:
            teller.letter(letter)
        known = len(place.box.letters)
