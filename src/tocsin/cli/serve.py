"""Serve: running a node in the foreground until it is told to stop."""

import asyncio
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from tocsin.cli.ending import Exit
from tocsin.cli.frame import Frame, Word
from tocsin.config import ALL_DUTIES, Config

if TYPE_CHECKING:
    from tocsin.app.run import Started


@click.command("serve", cls=Word)
@click.option(
    "--duties",
    help=f"What this node does, separated by commas: {', '.join(ALL_DUTIES)}. All of it, when nothing is said.",
)
def serve(frame: Frame, duties: str | None) -> None:
    """Run a node: the API, the engine, paging, and a PostgreSQL of its own.

    The first start prints a set-up token; whoever has it becomes the owner. Ctrl-C or SIGTERM stops in order: requests
    and pages under way end, and nothing that was accepted is lost. A second Ctrl-C stops at once.
    """
    from tocsin.cli.logs import write_logs

    config = _with_duties(frame.config(), duties)
    write_logs(config.log_level)
    run_until_stopped(frame, config)


COMMAND = serve


def _with_duties(config: Config, duties: str | None) -> Config:
    import msgspec

    from tocsin.ground.errors import Refused, Why

    if duties is None:
        return config
    wanted = [duty.strip() for duty in duties.split(",") if duty.strip()]
    unknown = [duty for duty in wanted if duty not in ALL_DUTIES]
    if unknown or not wanted:
        raise Refused(
            Why.INVALID,
            f"There is no duty {', '.join(unknown) or 'without a name'}; there are {', '.join(ALL_DUTIES)}.",
        )
    return msgspec.structs.replace(config, duties=tuple(duty for duty in ALL_DUTIES if duty in wanted))


def run_until_stopped(frame: Frame, config: Config) -> None:
    """Run a node in this process until a signal asks for its end."""
    import uvloop

    from tocsin.app.run import run

    async def whole() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, frame, stop)
        await run(config, stop, tell=_teller(frame), started=lambda started: announce(frame, config, started))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(whole())


def _teller(frame: Frame) -> Callable[[str], None]:
    """Return who hears of slow steps: a person at a terminal, else the log."""
    if sys.stderr.isatty():
        return frame.screen.tell
    import structlog

    log = structlog.get_logger("serve")

    def write(line: str) -> None:
        log.info("serve.step", says=line)

    return write


def _stop(frame: Frame, stop: asyncio.Event) -> None:
    """Ask for an orderly end; asked a second time, end at once and leave the database to the next start."""
    if stop.is_set():
        import os

        frame.screen.complain("Stopped at once.")
        sys.stderr.flush()
        os._exit(Exit.INTERRUPTED)
    stop.set()
    _teller(frame)("Stopping in order; once more stops at once.")


def announce(frame: Frame, config: Config, started: "Started") -> None:
    """Say where the node answers, and what to do first."""
    screen = frame.screen
    if screen.for_programs:
        found = {
            "http": started.http_url,
            "https": started.https_url,
            "public": started.house.config.public_url,
            "setup_token": started.setup_token,
            "data_dir": str(config.data_dir),
            "duties": list(config.duties),
        }
        screen.data(found, one_line=True)
        return
    screen.facts({
        "Tocsin answers at": started.https_url or started.http_url,
        "on this machine also at": started.http_url if started.https_url else None,
        "data": str(config.data_dir),
    })  # fmt: skip # one fact a line
    if started.setup_token:
        screen.say(
            "\nNobody owns this installation yet. Open this address here, or tunnel to it, and become its owner;\n"
            f"until then it answers on this machine only:\n\n  {started.http_url}/setup?token={started.setup_token}\n"
        )
    if started.https_url and config.tls_certificate is None:
        screen.say("The certificate is of Tocsin's own authority. How clients trust it: tocsin trust")
