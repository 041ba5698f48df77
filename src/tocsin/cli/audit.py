"""Audit: proof that nobody changed, removed or added a record of who changed what."""

from typing import TYPE_CHECKING

import click

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.frame import Frame, Words
from tocsin.cli.steps import Steps

if TYPE_CHECKING:
    from tocsin.domain.people.audit import Head
    from tocsin.store.audit import Verdict


@click.group("audit", cls=Words)
def audit() -> None:
    """Check the audit chain."""


COMMAND = audit


@audit.command("verify")
@click.option("--anchor", metavar="POSITION:HASH", help="A head printed by an earlier check and kept elsewhere.")
@click.pass_context
def verify(context: click.Context, frame: Frame, anchor: str | None) -> None:
    """Walk the whole chain and say whether every record is as it was written.

    Prints the head of the chain. Kept outside this machine and given back as --anchor, it shows even a chain that
    somebody with the keys wrote anew. Ends with code 5 when something is wrong.
    """
    from tocsin.cli.database import with_store
    from tocsin.store.audit import verify as walk
    from tocsin.store.keyring import Keyring
    from tocsin.store.turn import Store

    head = None if anchor is None else _head(anchor)

    async def whole(store: Store, keyring: Keyring) -> "Verdict":
        with Steps(frame.screen) as steps:
            return await walk(store, keyring.derive("audit"), steps.count, anchor=head)

    verdict = with_store(frame, whole)
    _show(frame, verdict)
    if not verdict.intact:
        context.exit(Exit.TROUBLE)


def _head(text: str) -> "Head":
    from tocsin.domain.people.audit import Head

    position, _, digest = text.partition(":")
    try:
        return Head(int(position), bytes.fromhex(digest))
    except ValueError as failure:
        raise Ended(Exit.USAGE, "Write the anchor as it was printed: POSITION:HASH.") from failure


def _show(frame: Frame, verdict: "Verdict") -> None:
    head = f"{verdict.head.position}:{verdict.head.hash.hex()}"
    if frame.screen.for_programs:
        frame.screen.data({
            "intact": verdict.intact,
            "sealed": verdict.sealed,
            "waiting": verdict.waiting,
            "head": head,
            "faults": verdict.faults,
        })  # fmt: skip # one fact a line
        return
    for fault in verdict.faults:
        frame.screen.complain(fault)
    frame.screen.facts({
        "verdict": "intact" if verdict.intact else "NOT intact",
        "records sealed": verdict.sealed,
        "waiting to be sealed": verdict.waiting,
        "head": head,
    })  # fmt: skip # one fact a line
