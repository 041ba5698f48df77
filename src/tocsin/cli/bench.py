"""Bench: every performance figure beside its ceiling, measured now on this machine."""

import click

from tocsin.cli.frame import Frame, Word


@click.command("bench", cls=Word)
@click.argument("names", nargs=-1)
@click.option("--rounds", type=click.IntRange(1), help="How often each figure and its ceiling are measured in turn.")
@click.option("--quick", is_flag=True, help="Small counts: to see that it works, not how fast it is.")
@click.pass_context
def bench(context: click.Context, frame: Frame, *, names: tuple[str, ...], rounds: int | None, quick: bool) -> None:
    """Measure the product on this machine; NAMES choose figures."""
    raise NotImplementedError


COMMAND = bench
