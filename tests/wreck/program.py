"""Program: the real program as a process of its own, which is killed without warning and started again."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from psycopg.conninfo import make_conninfo

import tocsin
from tocsin.store.embedded import postmaster

SOURCES = Path(tocsin.__file__).parents[1]
AS_RELEASED = ("-m", "tocsin")
START_PATIENCE_S = 60.0  # of the first start, which makes a database


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Program:
    """One installation with its own PostgreSQL: how it is started, killed, and asked whether it is ready."""

    base: Path
    command: Sequence[str] = AS_RELEASED
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    kills: int = 0
    ends: list[int] = field(default_factory=list)  # exit codes of ends that nobody ordered

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def cluster(self) -> Path:
        """The data directory of its PostgreSQL."""
        return self.base / "data" / "postgres" / "cluster"

    @property
    def dsn(self) -> str:
        """The address of its PostgreSQL."""
        found = postmaster.read(self.cluster)
        assert found is not None, "PostgreSQL is not running"
        return make_conninfo("", host=found.socket_dir, port=5432, dbname="tocsin", user="tocsin")

    @property
    def log(self) -> str:
        """Everything that it wrote."""
        return (self.base / "log.txt").read_text("utf-8", "replace")

    def start(self) -> None:
        """Start it; it may not be ready yet."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")},
            "PYTHONPATH": f"{SOURCES}{os.pathsep}{SOURCES.parent}",
            "TOCSIN_DATA_DIR": str(self.base / "data"),
            "TOCSIN_HTTP": f"127.0.0.1:{self.port}",
            "TOCSIN_TLS": "off",
            "TOCSIN_EVENTS_PER_MINUTE": "1000000",
            "TOCSIN_PRIVATE_NETWORKS": "127.0.0.0/8",
        }
        with (self.base / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command, "serve"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def revive(self) -> None:
        """Start it again when it has ended by itself, as a service manager does."""
        if self.process is not None and (code := self.process.poll()) is not None:
            self.ends.append(code)
            self.start()

    def kill(self) -> None:
        """Kill the program in the middle of whatever it does, and start it again."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.kills += 1
        self.start()

    def kill_database(self) -> bool:
        """Kill the postmaster; the program has to bring it back. False when there is none to kill just now."""
        found = postmaster.running(self.cluster)
        if found is None:
            return False
        os.kill(found.pid, signal.SIGKILL)
        self.kills += 1
        return True

    async def ready(self, seconds: float = START_PATIENCE_S) -> float:
        """Return after how many seconds it was ready to take events."""
        began = time.monotonic()
        async with httpx2.AsyncClient(trust_env=False, timeout=2) as client, asyncio.timeout(seconds):
            while True:
                self.revive()
                try:
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return time.monotonic() - began
                except httpx2.HTTPError:
                    pass
                await asyncio.sleep(0.05)

    def stop(self) -> int:
        """Stop it in order and return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=60)

    def clear(self) -> None:
        """Leave nothing running."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in postmaster.orphans(self.cluster):
            os.kill(pid, signal.SIGKILL)


@asynccontextmanager
async def installation(command: Sequence[str] = AS_RELEASED) -> AsyncIterator[Program]:
    """Run a fresh installation that is removed afterwards."""
    base = Path(tempfile.mkdtemp(prefix="wreck-"))
    base.chmod(0o755)  # the database's own account must get in
    program = Program(base, command)
    program.start()
    try:
        await program.ready()
        yield program
    finally:
        program.clear()
        shutil.rmtree(base, ignore_errors=True)
