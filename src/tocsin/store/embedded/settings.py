"""Settings of the embedded server: small when idle, and never a committed row lost in a crash."""

from pathlib import Path

MOST_CONNECTIONS = 60  # one program's pool, the listener, a backup and a person with psql fit three times over
LONGEST_SOCKET_PATH = 107  # bytes of sun_path on Linux without the closing NUL
SOCKET_NAME = ".s.PGSQL.5432"  # PostgreSQL's name for a socket of port 5432
FIRST_BUILTIN_LOCALE = 17  # the major version that brought the builtin locale provider
FIRST_IO_METHOD = 18  # the major version that brought io_method

# Durability is spelled out although it is the default: whoever reads this file must find the promise.
_DURABILITY = """
fsync = on
synchronous_commit = on
full_page_writes = on
wal_level = replica                    # a standby of this server is the way to a bigger machine
max_wal_senders = 3
max_wal_size = 512MB                   # bounds the time of a crash recovery and the disk it takes
min_wal_size = 64MB
checkpoint_timeout = 10min
"""

_MEMORY = f"""
max_connections = {MOST_CONNECTIONS}
shared_buffers = 64MB                  # only pages in use count as memory; the rest stays in the page cache
huge_pages = off
wal_buffers = 2MB
work_mem = 8MB
maintenance_work_mem = 64MB
effective_cache_size = 512MB
max_locks_per_transaction = 128        # a query over many daily partitions locks each
jit = off                              # compiling costs more than our short statements take
random_page_cost = 1.1
"""

_IDLE = """
max_logical_replication_workers = 0    # saves its launcher process
max_worker_processes = 2
max_parallel_workers = 2
max_parallel_workers_per_gather = 1
autovacuum_max_workers = 2
autovacuum_naptime = 20s
autovacuum_vacuum_scale_factor = 0.05
autovacuum_vacuum_threshold = 200
autovacuum_analyze_scale_factor = 0.05
autovacuum_vacuum_cost_delay = 1ms
deadlock_timeout = 250ms
update_process_title = off
"""

# Level "log" leaves out failed statements: the program hears of them itself, and their text could hold a secret.
_LOG = """
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
log_line_prefix = '%m [%p] '
log_timezone = 'UTC'
timezone = 'UTC'
lc_messages = 'C'
"""


def configuration(*, major: int, socket_dir: Path, own: Path | None) -> str:
    """Return the text of postgresql.conf for this major version.

    `own` is a file in which the person who runs the installation overrules it.
    """
    lines = [
        "# Written at every start. Changes of your own belong into own.conf beside this file.",
        "listen_addresses = ''                 # the Unix socket is the only door",
        "port = 5432",
        f"unix_socket_directories = {_quoted(socket_dir)}",
        "unix_socket_permissions = 0700",
    ]
    if major >= FIRST_IO_METHOD:
        lines.append("io_method = sync                       # worker processes would idle beside a small database")
    text = "\n".join(lines) + _DURABILITY + _MEMORY + _IDLE + _LOG
    return text if own is None else text + f"include = {_quoted(own)}\n"


def initdb_options(major: int) -> tuple[str, ...]:
    """Return the options of initdb: byte order that no later C library changes, checksums, no door over TCP."""
    options = (
        "--username=tocsin",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--data-checksums",
        "--auth-local=trust",  # only the server's own account can reach the socket; `peer` refuses other role names
        "--auth-host=reject",
    )
    if major >= FIRST_BUILTIN_LOCALE:
        return (*options, "--locale-provider=builtin")
    return options


def fits_a_socket(directory: Path) -> bool:
    """Tell whether a socket in this directory has a path short enough for the operating system."""
    return len(bytes(directory / SOCKET_NAME)) <= LONGEST_SOCKET_PATH


def _quoted(path: Path) -> str:
    """Return a path as a string of PostgreSQL's configuration language."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "''") + "'"
