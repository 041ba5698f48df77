"""Cost: what the program and its database use, as the kernel counted it: processor time and memory."""

import os
from pathlib import Path

from msgspec import Struct

_PROCESSES = Path("/proc")
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = (
    1,
    11,
    12,
    13,
    14,
)  # places in /proc/<pid>/stat after the name
_KB = 1024


class Usage(Struct, frozen=True):
    """Processor seconds that a program and its database had used at an instant, children that ended included."""

    program_s: float
    database_s: float

    @property
    def total_s(self) -> float:
        """Both together."""
        return self.program_s + self.database_s

    def since(self, earlier: "Usage") -> "Usage":
        """Return what was used between two looks."""
        return Usage(self.program_s - earlier.program_s, self.database_s - earlier.database_s)


def usage(program: int, postmaster: int) -> Usage:
    """Look at a program and at the family of its database server."""
    stats = _stats()
    family = _family(stats, postmaster)
    return Usage(_used_s(stats, _family(stats, program) - family), _used_s(stats, family))


def memory_mb(program: int, postmaster: int) -> tuple[float, float]:
    """Return the proportional memory (PSS) of a program and of its database's family, in megabytes.

    Pages that several processes share are counted once, in equal parts. Raises `PermissionError` for processes of
    another account, unless we are root.
    """
    stats = _stats()
    family = _family(stats, postmaster)
    return _pss_mb(_family(stats, program) - family), _pss_mb(family)


def readable(postmaster: int) -> bool:
    """Say whether the memory of the database's processes may be looked at by us."""
    try:
        (_PROCESSES / str(postmaster) / "smaps_rollup").read_text("ascii")
    except OSError:
        return False
    return True


def _stats() -> dict[int, list[str]]:
    found = {}
    for place in _PROCESSES.iterdir():
        if place.name.isdigit():
            try:
                text = (place / "stat").read_text("utf-8", "replace")
            except OSError:
                continue
            found[int(place.name)] = text.rpartition(")")[2].split()
    return found


def _family(stats: dict[int, list[str]], first: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(int(stat[_PARENT]), []).append(pid)
    family: set[int] = set()
    waiting = [first]
    while waiting:
        pid = waiting.pop()
        if pid in stats and pid not in family:
            family.add(pid)
            waiting.extend(children.get(pid, []))
    return family


def _used_s(stats: dict[int, list[str]], pids: set[int]) -> float:
    fields = (_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM)
    return sum(int(stats[pid][each]) for pid in pids for each in fields) * _TICK_S


def _pss_mb(pids: set[int]) -> float:
    total_kb = 0
    for pid in pids:
        try:
            text = (_PROCESSES / str(pid) / "smaps_rollup").read_text("ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue
        total_kb += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total_kb / _KB
