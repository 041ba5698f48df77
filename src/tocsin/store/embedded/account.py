"""The account under which the embedded server runs: our own, or an unprivileged one when we are root."""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tocsin.store.embedded.failure import EmbeddedFailed

# PostgreSQL refuses to run as root. The first of these that the machine has is taken; a packager makes `tocsin`.
UNPRIVILEGED = ("tocsin", "postgres", "nobody")
_SECONDS_TO_LOOK = 10  # for /bin/test; a hanging network file system must not hang the start for ever


@dataclass(frozen=True, slots=True)
class Account:
    """Who the server's processes are; `switched` when that is somebody else than ourselves."""

    name: str
    user_id: int
    group_id: int
    switched: bool

    def owns(self, path: Path) -> None:
        """Hand a file or folder to this account (nothing to do when it is ours)."""
        if self.switched:
            os.chown(path, self.user_id, self.group_id, follow_symlinks=False)


def choose(cluster: Path) -> Account:
    """Return our own account, or for root the owner of the existing cluster or else the first unprivileged one.

    Raises EmbeddedFailed when we are root and no such account exists.
    """
    if os.geteuid() != 0:
        return Account(str(os.geteuid()), os.geteuid(), os.getegid(), switched=False)
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(str(owner.st_uid), owner.st_uid, owner.st_gid, switched=True)
    for name in UNPRIVILEGED:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if found.pw_uid != 0:
            return Account(name, found.pw_uid, found.pw_gid, switched=True)
    raise EmbeddedFailed(
        "PostgreSQL refuses to run as root and none of the accounts "
        f"{', '.join(UNPRIVILEGED)} exists: start the program as a normal user, or create the account tocsin."
    )


def spawn(account: Account, command: list[str], *, output: int) -> subprocess.Popen[bytes]:
    """Start a program as this account, in a session of its own and without our environment.

    A session of its own: Ctrl-C in a terminal stops us, and we stop the server in order. Without the environment:
    PGDATA, PGPORT and the like would change what the server does, and our secrets are none of its business.
    """
    return subprocess.Popen(  # noqa: S603 - the commands are ours; nothing a user typed comes here
        command,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        user=account.user_id if account.switched else None,
        group=account.group_id if account.switched else None,
        extra_groups=() if account.switched else None,
        umask=0o077,
    )


def check_reach(account: Account, directory: Path) -> None:
    """Make sure that the account can enter a directory; raises EmbeddedFailed that names the closed one.

    The question is put to the operating system by a child of that account, so that access lists count too.
    """
    if not account.switched:
        return
    child = spawn(account, ["/bin/test", "-x", str(directory)], output=subprocess.DEVNULL)
    if child.wait(timeout=_SECONDS_TO_LOOK) == 0:
        return
    closed = next((place for place in (*reversed(directory.parents), directory) if _closed(account, place)), directory)
    raise EmbeddedFailed(
        f"The account {account.name}, which runs PostgreSQL because the program runs as root, cannot enter {closed}. "
        f"Choose a data directory outside it (for example /var/lib/tocsin), or run: chmod o+x {closed}"
    )


def _closed(account: Account, place: Path) -> bool:
    """Tell whether the mode bits keep the account out of a directory."""
    found = place.stat()
    if found.st_uid == account.user_id:
        return not found.st_mode & stat.S_IXUSR
    if found.st_gid == account.group_id:
        return not found.st_mode & stat.S_IXGRP
    return not found.st_mode & stat.S_IXOTH
