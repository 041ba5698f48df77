"""Doctor: is everything well that pages depend on, and what to do where it is not."""

import click

from tocsin.cli.doctor.finding import Finding
from tocsin.cli.ending import Exit
from tocsin.cli.frame import Frame, Word


@click.command("doctor", cls=Word)
@click.option("--coverage", is_flag=True, help="Look at who will be on call instead: gaps, empty levels, people.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366), help="How far --coverage looks.")
@click.pass_context
def doctor(context: click.Context, frame: Frame, *, coverage: bool, days: int) -> None:
    """Look at the database, the disk, the clocks, the certificate, the mail servers and the promises.

    Changes nothing and sends nothing. Ends with code 5 when something fails; a warning alone is code 0.
    """
    from tocsin.cli.database import in_loop
    from tocsin.cli.doctor.coverage import look_ahead
    from tocsin.cli.doctor.database import look_at_database
    from tocsin.cli.doctor.machine import look_at_machine
    from tocsin.cli.doctor.mail import look_at_mail

    config = frame.config()

    async def whole() -> list[Finding]:
        if coverage:
            return [finding async for finding in look_ahead(frame, days)]
        findings = list(look_at_machine(config)) if config.data_dir.exists() else [_nothing_here(str(config.data_dir))]
        findings += [finding async for finding in look_at_database(frame)]
        findings += [finding async for finding in look_at_mail(config)]
        return findings

    findings = in_loop(whole)
    failed = any(finding.verdict == "fail" for finding in findings)
    if frame.screen.for_programs:
        frame.screen.data({"well": not failed, "findings": findings})
    else:
        rows = [(one.verdict, one.check, one.saw, one.advice) for one in findings]
        frame.screen.table(("", "check", "seen", "what to do"), rows)
    if failed:
        context.exit(Exit.TROUBLE)


COMMAND = doctor


def _nothing_here(folder: str) -> Finding:
    return Finding("data", "fail", f"there is no {folder}", "Start a node (tocsin serve), or name its data_dir.")
