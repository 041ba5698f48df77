"""The server's place on disk: which folders and files it has, who may enter them, and who holds the lock."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tocsin.store.embedded import account as accounts
from tocsin.store.embedded import postmaster, settings
from tocsin.store.embedded.account import Account
from tocsin.store.embedded.failure import EmbeddedFailed

# Not the run-time folder of a login session: that one goes away with the session while the server stays.
SHORT_ROOM = Path("/tmp")  # noqa: S108 - the folder made in it is private and its owner is checked
LARGEST_LOG = 8 * 1024 * 1024  # bytes of server.log before it is turned over; the one before is kept
SWEEP_TRIES, SWEEP_PAUSE = 50, 0.1  # times and seconds: an orphaned initdb notices within a fraction of a second
LOG_TAIL = 4096  # bytes read from the end of the log to tell why a start failed


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything of the embedded server is, below one folder beside the data."""

    room: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory."""
        return self.room / "cluster"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.room / "server.log"

    @property
    def configuration(self) -> Path:
        """The settings, written at every start."""
        return self.room / "postgresql.conf"

    def own_configuration(self) -> Path | None:
        """Return the settings of the person who runs this installation, if there are any; never written by us."""
        own = self.room / "own.conf"
        return own if own.exists() else None

    def major(self) -> int | None:
        """Return the major version that made the cluster, or None when there is no cluster."""
        try:
            return int((self.cluster / "PG_VERSION").read_text("ascii"))
        except FileNotFoundError:
            return None


def prepare(data_dir: Path) -> Place:
    """Make the folders; as root others may pass through them, for the server runs under another account."""
    place = Place(data_dir.resolve() / "postgres")
    root = os.geteuid() == 0
    for folder, mode in ((place.room.parent, 0o700), (place.room, 0o700)):
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
        if root:
            folder.chmod(folder.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return place


def lock(place: Place) -> int:
    """Take the lock of the data directory and return its file descriptor; closing it or dying gives it back.

    Raises EmbeddedFailed that names the process which has it.
    """
    handle = os.open(place.room / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise EmbeddedFailed(
            f"The data directory {place.room.parent} is in use by process {holder}. "
            "Stop that program first, or choose another data directory."
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def sweep(place: Place) -> None:
    """Remove what an interrupted initdb or an interrupted copy of the programs left; only for the lock's holder.

    An initdb that outlived its killed parent may still be writing; it gives up when its server process is ended.
    """
    for left in place.room.glob("*.new-*"):
        for _ in range(SWEEP_TRIES):
            postmaster.end_orphans(left)
            shutil.rmtree(left, ignore_errors=True)
            if not left.exists():
                break
            time.sleep(SWEEP_PAUSE)


def new_cluster(place: Place, account: Account) -> Path:
    """Return an empty folder for initdb.

    It gets its real name only when initdb is through, so a half-made cluster is never taken for a whole one.
    """
    fresh = Path(tempfile.mkdtemp(prefix="cluster.new-", dir=place.room))
    account.owns(fresh)
    return fresh


def settle(fresh: Path, final: Path) -> None:
    """Give a finished folder its name, durably: rows committed in it must not vanish with the name."""
    fresh.rename(final)
    parent = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def socket_dir(place: Place, account: Account) -> Path:
    """Return the private folder of the server's socket: beside the data, or in /tmp when that is too deep.

    Raises EmbeddedFailed when somebody else has made the folder of that name.
    """
    folder = place.room / "socket"
    if not settings.fits_a_socket(folder):
        name = hashlib.sha256(bytes(place.room)).hexdigest()[:16]
        folder = SHORT_ROOM / f"tocsin-{account.user_id}-{name}"
    try:
        folder.mkdir(mode=0o700)
        account.owns(folder)
    except FileExistsError:
        pass
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.user_id:
        raise EmbeddedFailed(f"{folder} belongs to somebody else: it must be a folder of the account {account.name}.")
    folder.chmod(0o700)
    accounts.check_reach(account, folder)
    return folder


def write_configuration(place: Place, text: str) -> bool:
    """Write the settings whole or not at all; return whether they differ from those of the last start."""
    if place.configuration.exists() and place.configuration.read_text("utf-8") == text:
        return False
    fresh = place.configuration.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.chmod(0o644)
    fresh.replace(place.configuration)
    return True


def open_log(place: Place) -> int:
    """Open the server's log for appending, turned over first when it is long."""
    turn_log(place)
    return os.open(place.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def turn_log(place: Place) -> None:
    """Keep a long log as server.log.1 and go on with an empty one, under the feet of a server that appends to it."""
    if not place.log.exists() or place.log.stat().st_size < LARGEST_LOG:
        return
    shutil.copyfile(place.log, place.log.with_suffix(".log.1"))
    os.truncate(place.log, 0)


def log_tail(place: Place, *, since: int) -> str:
    """Return the last lines of the log that were written after the byte `since`."""
    try:
        size = place.log.stat().st_size
        with place.log.open("rb") as lines:
            lines.seek(max(since, size - LOG_TAIL))
            return lines.read().decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return ""
