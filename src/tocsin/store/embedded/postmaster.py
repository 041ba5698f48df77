"""The postmaster: what PostgreSQL's own pid file and the process table say about a running server."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

_PROCESSES = Path("/proc")
_LINES = 8  # of postmaster.pid from the moment the server has written its status


@dataclass(frozen=True, slots=True)
class Postmaster:
    """One line-by-line reading of postmaster.pid; `status` is "starting", "ready", "stopping" or empty."""

    pid: int
    socket_dir: str
    status: str


def read(cluster: Path) -> Postmaster | None:
    """Return what the cluster's pid file says, or None when there is none or it is not written to its end."""
    try:
        lines = (cluster / "postmaster.pid").read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].strip().isdigit():
        return None
    lines += [""] * (_LINES - len(lines))
    return Postmaster(int(lines[0]), lines[4].strip(), lines[7].strip())


def running(cluster: Path) -> Postmaster | None:
    """Return the live postmaster of the cluster, or None; a pid that another program has meanwhile does not count."""
    found = read(cluster)
    if found is None or not alive(found.pid) or not _works_in(found.pid, cluster):
        return None
    return found


def forget_borrowed_pid(cluster: Path) -> None:
    """Remove a pid file whose number belongs to an unrelated program now, as happens after a reboot in a container.

    PostgreSQL would take that program for its predecessor and refuse to start. While processes of the old server
    live the file stays: it is what protects the data from two servers.
    """
    found = read(cluster)
    if found is None or not alive(found.pid) or _works_in(found.pid, cluster) or orphans(cluster):
        return
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def orphans(cluster: Path) -> list[int]:
    """Return the processes that a killed postmaster left at work in the cluster."""
    if not _PROCESSES.exists():
        return []
    return [
        int(place.name)
        for place in _PROCESSES.iterdir()
        if place.name.isdigit() and _works_in(int(place.name), cluster)
    ]


def end_orphans(cluster: Path) -> None:
    """End what a killed postmaster left; safe, because crash recovery follows, and needed: one long query blocks it."""
    for pid in orphans(cluster):
        try:
            os.kill(pid, signal.SIGQUIT)
        except ProcessLookupError:
            continue


def program(pid: int) -> Path | None:
    """Return the program file that a process runs, or None when the system does not tell."""
    try:
        return (_PROCESSES / str(pid) / "exe").readlink()
    except OSError:
        return None


def alive(pid: int) -> bool:
    """Tell whether a process exists and is not only waiting to be collected by its parent."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = (_PROCESSES / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state != "Z"


def _works_in(pid: int, cluster: Path) -> bool:
    """Tell whether a process is a PostgreSQL whose working directory is the cluster, as every one of its kind does.

    Without a process table (not Linux) the pid file is believed.
    """
    if not _PROCESSES.exists():
        return True
    try:
        place = (_PROCESSES / str(pid) / "cwd").readlink()
        name = (_PROCESSES / str(pid) / "comm").read_text("utf-8", "replace").strip()
    except OSError:
        return False
    return place == cluster.resolve() and name.startswith("postgres")
