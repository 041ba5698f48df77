"""The supervisor of the embedded server: starts it, adopts it, waits for its recovery, brings it back when it dies."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from tocsin.ground import clock
from tocsin.store.embedded import account as accounts
from tocsin.store.embedded import binaries, place, postmaster, settings
from tocsin.store.embedded.account import Account
from tocsin.store.embedded.failure import EmbeddedFailed

LOOK_EVERY = 0.01  # seconds between looks at the pid file while the server starts; a start takes 0.05 s
TELL_EVERY = 3.0  # seconds between two lines about a long recovery or a slow stop
SHARED_MEMORY_PATIENCE = 10.0  # seconds; processes of a killed server hold its shared memory for a while
ORPHAN_PATIENCE = 2.0  # seconds after which such processes are ended: one long query would hold it for ever
STOP_PATIENCE = 60.0  # seconds for a fast shutdown with its checkpoint; then an immediate one, recovered at next start
# Seconds before the next try of a server that cannot start, doubled each time. One that could start and was killed is
# started again at once, however often: senders wait for it.
FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 5.0
LOOK_AT_LOG_EVERY = 60.0  # seconds between looks at the size of the log

_SHARED_MEMORY_HELD = "shared memory block"  # in PostgreSQL's refusal to start, whose language we set to English


class Embedded:
    """One PostgreSQL server of our own beside the data.

    It outlives us when we are killed and is adopted by the next start; it stops with an orderly stop.
    """

    def __init__(self, data_dir: Path, *, log: Callable[[str], None] | None = None) -> None:
        """Keep where the data is and who hears of progress; nothing happens before `start`."""
        self._data_dir = data_dir
        self._log = log or (lambda _line: None)
        self._place = place.Place(data_dir / "postgres")
        self._account = Account("", 0, 0, switched=False)
        self._programs = binaries.Binaries(Path(), 0, "")
        self._lock: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._dsn = ""
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._pid

    @property
    def dsn(self) -> str:
        """How to connect; empty before the first start."""
        return self._dsn

    async def start(self) -> str:
        """Start or adopt the server, make what is missing, and return the connection string once it answers.

        A recovery after a crash is waited for, however long. Raises EmbeddedFailed with what to do about it.
        """
        self._place = place.prepare(self._data_dir)
        self._lock = place.lock(self._place)
        self._stopping = False
        try:
            await asyncio.to_thread(place.sweep, self._place)
            fresh_settings = await asyncio.to_thread(self._settle)
            await self._adopt_or_launch(fresh_settings=fresh_settings)
            await self._make_database()
            await asyncio.to_thread(binaries.drop_older, self._place.room, self._programs)
        except BaseException:
            await self._halt(signal.SIGINT)
            self._unlock()
            raise
        return self._dsn

    async def stop(self) -> None:
        """Stop the server in order (open transactions end, a checkpoint is written) and give the lock back."""
        self._stopping = True
        try:
            await self._halt(signal.SIGINT)
        finally:
            self._unlock()

    async def watch(self) -> None:
        """Run until cancelled: bring the server back whenever it dies, at growing distances while it cannot start."""
        wait_for = 0.0
        while not self._stopping:
            await self._death()
            await asyncio.sleep(wait_for)
            back = await self._revive()
            wait_for = 0.0 if back else min(max(wait_for * 2, FIRST_BACKOFF), LONGEST_BACKOFF)

    async def _revive(self) -> bool:
        """Start the dead server again; a failure is told and left to the next round."""
        if self._stopping:
            return True
        self._log("PostgreSQL is gone; starting it again")
        began = clock.seconds()
        try:
            await self._launch()
        except (EmbeddedFailed, OSError) as failure:
            self._log(f"PostgreSQL did not come back and is tried again: {failure}")
            return False
        self._log(f"PostgreSQL is back after {clock.seconds() - began:.2f} s")
        return True

    def _settle(self) -> bool:
        """Find programs and account, make the cluster, write the settings; return whether these are new."""
        self._account = accounts.choose(self._place.cluster)
        accounts.check_reach(self._account, self._place.room)
        self._programs = binaries.find(self._place.room, major=self._place.major())
        accounts.check_reach(self._account, self._programs.folder)
        if self._place.major() is None:
            self._make_cluster()
        socket_dir = place.socket_dir(self._place, self._account)
        self._dsn = make_conninfo("", host=str(socket_dir), port=5432, dbname="tocsin", user="tocsin")
        text = settings.configuration(
            major=self._programs.major, socket_dir=socket_dir, own=self._place.own_configuration()
        )
        return place.write_configuration(self._place, text)

    def _make_cluster(self) -> None:
        """Run initdb beside the final name and move the result there."""
        self._log(f"Making a new database with PostgreSQL {self._programs.label}")
        fresh = place.new_cluster(self._place, self._account)
        output = place.open_log(self._place)
        began_at = os.lseek(output, 0, os.SEEK_END)
        try:
            command = [str(self._programs.folder / "initdb"), "-D", str(fresh)]
            child = accounts.spawn(
                self._account, [*command, *settings.initdb_options(self._programs.major)], output=output
            )
            code = child.wait()
        finally:
            os.close(output)
        if code != 0:
            raise EmbeddedFailed(f"initdb failed:\n{place.log_tail(self._place, since=began_at)}")
        place.settle(fresh, self._place.cluster)

    async def _adopt_or_launch(self, *, fresh_settings: bool) -> None:
        """Take over a server that outlived us when it is the one we would start; replace it when it is not."""
        found = postmaster.running(self._place.cluster)
        if found is None:
            await self._launch()
            return
        self._child, self._pid = None, found.pid
        if found.status == "stopping" or fresh_settings or not self._ours(found.pid):
            self._log(f"Replacing the PostgreSQL (process {found.pid}) of an earlier start")
            await self._halt(signal.SIGINT)
            await self._launch()
            return
        self._log(f"Adopting the running PostgreSQL (process {found.pid})")
        if not await self._ready(found.pid):
            await self._launch()

    def _ours(self, pid: int) -> bool:
        """Tell whether a running server was started from the program file that we would start."""
        return postmaster.program(pid) in {None, (self._programs.folder / "postgres").resolve()}

    async def _launch(self) -> None:
        """Start the server and wait until it is ready, again and again while its predecessor's memory is in use."""
        began, told = clock.seconds(), False
        while not self._stopping:
            waited = clock.seconds() - began
            postmaster.forget_borrowed_pid(self._place.cluster)
            since = self._spawn()
            if await self._ready(self._pid or 0):
                return
            reason = place.log_tail(self._place, since=since)
            self._forget()
            if _SHARED_MEMORY_HELD not in reason or waited > SHARED_MEMORY_PATIENCE:
                raise EmbeddedFailed(f"PostgreSQL did not start; its log says:\n{reason or '(nothing)'}")
            if waited > ORPHAN_PATIENCE and not told:
                self._log("Ending what the killed PostgreSQL left running")
                postmaster.end_orphans(self._place.cluster)
                told = True
            await asyncio.sleep(FIRST_BACKOFF)

    def _spawn(self) -> int:
        """Start the postmaster; return the length of the log before it."""
        output = place.open_log(self._place)
        try:
            since = os.lseek(output, 0, os.SEEK_END)
            command = [str(self._programs.folder / "postgres"), "-D", str(self._place.cluster)]
            command.append(f"--config-file={self._place.configuration}")
            command.append(f"--hba-file={self._place.cluster / 'pg_hba.conf'}")
            self._child = accounts.spawn(self._account, command, output=output)
        finally:
            os.close(output)
        self._pid = self._child.pid
        return since

    async def _ready(self, pid: int) -> bool:
        """Wait until the server accepts connections, as long as recovery needs; False when it dies before."""
        began = told_at = clock.seconds()
        while True:
            found = postmaster.read(self._place.cluster)
            if found is not None and found.pid == pid and found.status == "ready":
                return True
            if self._gone(pid):
                return False
            now = clock.seconds()
            if now - told_at > TELL_EVERY:
                told_at = now
                last = place.log_tail(self._place, since=0).rpartition("\n")[2]
                self._log(f"PostgreSQL is recovering since {now - began:.0f} s; it says: {last}")
            await asyncio.sleep(LOOK_EVERY)

    async def _make_database(self) -> None:
        """Create our database in the server when it is not there yet."""
        try:
            connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
        except psycopg.OperationalError as failure:
            if 'database "tocsin" does not exist' not in str(failure):
                raise EmbeddedFailed(f"PostgreSQL runs but cannot be reached: {failure}") from failure
        else:
            await connection.close()
            return
        async with await psycopg.AsyncConnection.connect(self._dsn, dbname="postgres", autocommit=True) as connection:
            await connection.execute("CREATE DATABASE tocsin")

    async def _halt(self, how: signal.Signals) -> None:
        """End the postmaster and wait for it; a shutdown that takes too long becomes an immediate one."""
        pid = self._pid
        if pid is None:
            return
        self._signal(pid, how)
        began = told_at = clock.seconds()
        while not self._gone(pid):
            now = clock.seconds()
            if now - told_at > TELL_EVERY:
                told_at = now
                self._log(f"Waiting for PostgreSQL to stop since {now - began:.0f} s")
                if now - began > STOP_PATIENCE:
                    self._signal(pid, signal.SIGQUIT)
            await asyncio.sleep(LOOK_EVERY)
        self._forget()

    async def _death(self) -> None:
        """Return when the postmaster is dead; costs nothing while it lives, save a look at the log each minute."""
        loop = asyncio.get_running_loop()
        while self._pid is not None and not self._gone(self._pid):
            try:
                handle = os.pidfd_open(self._pid)
            except ProcessLookupError:
                break
            dead = asyncio.Event()
            loop.add_reader(handle, dead.set)
            try:
                async with asyncio.timeout(LOOK_AT_LOG_EVERY):
                    await dead.wait()
            except TimeoutError:
                place.turn_log(self._place)
            finally:
                loop.remove_reader(handle)
                os.close(handle)
        self._forget()

    def _gone(self, pid: int) -> bool:
        """Tell whether the postmaster is dead, and collect it when it was our child."""
        if self._child is not None and self._child.pid == pid:
            return self._child.poll() is not None
        return not postmaster.alive(pid)

    def _signal(self, pid: int, how: signal.Signals) -> None:
        """Send a signal to the postmaster, if it is still there."""
        if not self._gone(pid):
            os.kill(pid, how)

    def _forget(self) -> None:
        """Forget the dead postmaster."""
        self._child, self._pid = None, None

    def _unlock(self) -> None:
        """Give the data directory's lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
