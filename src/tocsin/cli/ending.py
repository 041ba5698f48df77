"""Endings: the exit codes of every command, and the one sentence that a failure becomes."""

import ssl
from enum import IntEnum


class Exit(IntEnum):
    """What the shell hears; documented in docs/guide/command-line.md and in `tocsin --help`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_REACHED = 3
    NOT_FOUND = 4
    TROUBLE = 5
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "done",
    Exit.FAILED: "refused or failed",
    Exit.USAGE: "the command was written wrongly, or something that it needs is not set",
    Exit.NOT_REACHED: "the node, the mail server or the database cannot be reached",
    Exit.NOT_FOUND: "there is no such thing",
    Exit.TROUBLE: "a check found trouble (doctor, audit verify, migrate --check, schedule show --check, simulate)",
    Exit.INTERRUPTED: "interrupted",
}


class Ended(Exception):
    """A command that ends before its end: with which code, and the sentence for the person in front of it."""

    def __init__(self, code: Exit, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.code = code
        self.message = message


def ending_of(failure: BaseException) -> Ended | None:
    """Return how a command ends by this failure, or None for one that nobody foresaw and whose trace is needed."""
    from asyncio import CancelledError

    if isinstance(failure, BaseExceptionGroup):
        endings = [ending_of(inner) for inner in failure.exceptions]
        return endings[0] if endings and all(endings) else None
    if isinstance(failure, Ended):
        return failure
    if isinstance(failure, KeyboardInterrupt | CancelledError):
        return Ended(Exit.INTERRUPTED, "Interrupted.")
    return _of_ours(failure) or _of_the_world(failure)


def _of_ours(failure: BaseException) -> Ended | None:
    from tocsin.ground.errors import Refused, StoreUnavailable, Why
    from tocsin.store.embedded import EmbeddedFailed
    from tocsin.store.keyring import KeyFault
    from tocsin.store.migrate import SchemaTooNew
    from tocsin.wire.certificates import CertificateFault

    if isinstance(failure, Refused):
        code = Exit.NOT_FOUND if failure.why is Why.NOT_FOUND else Exit.FAILED
        return Ended(code, "\n".join(dict.fromkeys((failure.message, *failure.errors))))
    if isinstance(failure, StoreUnavailable):
        return Ended(Exit.NOT_REACHED, str(failure))
    if isinstance(failure, KeyFault | EmbeddedFailed | SchemaTooNew | CertificateFault):
        return Ended(Exit.FAILED, str(failure))
    return None


def _of_the_world(failure: BaseException) -> Ended | None:
    import psycopg

    if isinstance(failure, psycopg.OperationalError):
        text = str(failure).strip() or type(failure).__name__
        return Ended(Exit.NOT_REACHED, f"The database cannot be reached: {text}")
    if isinstance(failure, psycopg.Error):
        return Ended(Exit.FAILED, f"The database refused: {str(failure).strip()}")
    if isinstance(failure, ssl.SSLError):
        return Ended(Exit.FAILED, f"The encrypted connection failed: {failure.reason or failure}")
    if isinstance(failure, OSError):
        where = f" ({failure.filename})" if failure.filename else ""
        return Ended(Exit.FAILED, f"{failure.strerror or failure}{where}")
    return None
