"""Program: Tocsin as it is installed, run in a process of its own on data of its own while a bench lasts."""

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from psycopg.conninfo import make_conninfo

from tocsin.bench.cost import Usage, usage
from tocsin.store.embedded.postmaster import Postmaster
from tocsin.store.embedded.postmaster import running as alive_in

STARTS_WITHIN_S = 60.0
_STOPS_WITHIN_S = 60.0
_LOG_TAIL = 2000  # characters of what a program that failed had said

# What every measured program is started with beside its defaults: free ports, and no limit that is there to be met.
_SETTINGS = {
    "TOCSIN_HTTP": "127.0.0.1:0",
    "TOCSIN_HTTPS": "127.0.0.1:0",
    "TOCSIN_PRIVATE_NETWORKS": "127.0.0.0/8",  # the sink of the pages
    "TOCSIN_EVENTS_PER_MINUTE": "1000000000",  # the limit is not what is measured
    "TOCSIN_LOG_LEVEL": "warning",
}


class _Announcement(Struct):
    http: str
    setup_token: str | None


class ProgramFailed(Exception):
    """The program did not start, or ended before it was told to."""


class Program:
    """A running program and its database."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process) -> None:
        """Hold a started process that keeps its data in this folder."""
        self.folder = folder
        self.port = 0
        self.setup_token: str | None = None
        self._process = process

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    @property
    def postmaster(self) -> int:
        """The process id of its database server."""
        return self._server().pid

    @property
    def dsn(self) -> str:
        """How to reach its database."""
        return make_conninfo("", host=self._server().socket_dir, port=5432, dbname="tocsin", user="tocsin")

    def usage(self) -> Usage:
        """Return the processor time that program and database have used."""
        return usage(self.pid, self.postmaster)

    async def announced(self) -> None:
        """Wait until the program says where it answers. Raises `ProgramFailed` with what it said instead."""
        try:
            async with asyncio.timeout(STARTS_WITHIN_S):
                line = await self._process.stdout.readline() if self._process.stdout else b""
            said = msgspec.json.decode(line, type=_Announcement)
        except (TimeoutError, msgspec.MsgspecError) as failure:
            raise ProgramFailed(f"The program did not start:\n{self.log()}") from failure
        self.port = urlsplit(said.http).port or 0
        self.setup_token = said.setup_token

    def log(self) -> str:
        """Return the end of what the program said."""
        return (self.folder / "program.log").read_text("utf-8", "replace")[-_LOG_TAIL:]

    async def stop(self) -> None:
        """Let it end in order, end it when it does not, and leave no database behind it in any case."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_STOPS_WITHIN_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        left = alive_in(self._cluster)
        if left is not None:
            os.kill(left.pid, signal.SIGQUIT)

    @property
    def _cluster(self) -> Path:
        return self.folder / "data" / "postgres" / "cluster"

    def _server(self) -> Postmaster:
        found = alive_in(self._cluster)
        if found is None:
            raise ProgramFailed(f"The program has no database:\n{self.log()}")
        return found


@cache
def _bytecode() -> str:
    """Make the place of the compiled modules, for as long as we run."""
    place = tempfile.mkdtemp(prefix="tocsin-bench-bytecode-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a measured program: ours without our own settings, then these.

    An installed program has its modules compiled. Where that is forbidden, they are compiled into a place of ours;
    else each start would be measured with a second of compiling.
    """
    outside = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    if outside.pop("PYTHONDONTWRITEBYTECODE", ""):
        outside["PYTHONPYCACHEPREFIX"] = _bytecode()
    return outside | _SETTINGS | dict(settings)


@asynccontextmanager
async def a_folder() -> AsyncIterator[Path]:
    """Give a folder for a program's data, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    folder.chmod(0o755)  # as root the database runs under another account, which must get in
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def start(folder: Path, settings: Mapping[str, str] | None = None) -> Program:
    """Start the program on the data in this folder; `settings` are further TOCSIN_ variables."""
    variables = environment({"TOCSIN_DATA_DIR": str(folder / "data")} | dict(settings or {}))
    with (folder / "program.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tocsin", "--output", "json", "serve",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log, env=variables,
            start_new_session=True,  # Ctrl-C stops us, and we stop it in order
        )  # fmt: skip # one command line on one line
    return Program(folder, process)


@asynccontextmanager
async def running(settings: Mapping[str, str] | None = None, *, folder: Path | None = None) -> AsyncIterator[Program]:
    """Run the program until the block ends, on data of its own unless a folder is given."""
    async with contextlib.AsyncExitStack() as stack:
        where = folder if folder is not None else await stack.enter_async_context(a_folder())
        program = await start(where, settings)
        stack.push_async_callback(program.stop)
        await program.announced()
        yield program
