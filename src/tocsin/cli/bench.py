"""Bench: every performance figure beside its ceiling, measured now on this machine."""

from typing import TYPE_CHECKING

import click

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.frame import Frame, Word

if TYPE_CHECKING:
    from tocsin.bench.figure import Report


@click.command("bench", cls=Word)
@click.argument("names", nargs=-1)
@click.option("--rounds", type=click.IntRange(1), help="How often each figure and its ceiling are measured in turn.")
@click.option("--quick", is_flag=True, help="Small counts: to see that it works, not how fast it is.")
def bench(frame: Frame, *, names: tuple[str, ...], rounds: int | None, quick: bool) -> None:
    """Measure the product on this machine; NAMES choose benches.

    It runs programs and databases of its own and touches no installation. A goal that is missed is said, and is no
    error; a promise that is broken under load ends the command with code 5.
    """
    from tocsin.bench.main import run
    from tocsin.bench.program import ProgramFailed
    from tocsin.bench.rounds import PromiseBroken

    try:
        report = run(names, rounds=rounds, quick=quick, tell=frame.screen.tell)
    except PromiseBroken as failure:
        raise Ended(Exit.TROUBLE, str(failure)) from failure
    except ProgramFailed as failure:
        raise Ended(Exit.FAILED, str(failure)) from failure
    if frame.screen.for_programs:
        frame.screen.data(report)
    else:
        _show(frame, report)


COMMAND = bench


def _show(frame: Frame, report: "Report") -> None:
    from tocsin.bench.figure import COLUMNS

    frame.screen.say(report.heading() + "\n")
    frame.screen.table(COLUMNS, report.rows())
    for note in report.notes():
        frame.screen.say(note)
    if report.missed:
        frame.screen.say(f"\nMissed: {', '.join(report.missed)}")
