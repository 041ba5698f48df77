"""Machine: how the doctor looks at files, disk and certificate."""

import os
import shutil
import stat
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tocsin.app.servers import certificate_names
from tocsin.cli.doctor.finding import Finding, graded
from tocsin.config import Config
from tocsin.ground import clock
from tocsin.wire import certificates

_FSYNCS = 20
_PAGE = bytes(8192)  # what PostgreSQL writes at least
_SLOW_FSYNC_MS = 20.0  # at 20 ms a commit, one connection gets 50 commits a second
_LITTLE_DISK = 2 * 1024**3  # bytes: two days of events at a steady ten a second
_NO_DISK = 512 * 1024**2  # bytes: less than the write-ahead log may take
_MS = 1000.0


def look_at_machine(config: Config) -> Iterator[Finding]:
    """Return what there is to say about this machine's files."""
    yield _key_file(config)
    yield from _disk(config.data_dir)
    yield _certificate(config)


def _key_file(config: Config) -> Finding:
    file = config.master_key_file
    lost = "Restore it from your copy; without it routing keys and provider secrets cannot be read."
    if not file.exists():
        return Finding("key file", "fail", f"{file} is missing", lost)
    try:
        readable = bool(file.read_text("ascii"))
    except (OSError, UnicodeDecodeError) as failure:
        return Finding("key file", "fail", f"{file} cannot be read: {failure}", lost)
    mode = stat.S_IMODE(file.stat().st_mode)
    open_to_others = bool(mode & (stat.S_IRWXG | stat.S_IRWXO))
    return graded(
        "key file", f"{file}, mode {mode:o}", bad=open_to_others, worse=not readable,
        advice=f"Nobody else may read it: chmod 600 {file}",
    )  # fmt: skip # the verdict reads on one line


def _disk(folder: Path) -> Iterator[Finding]:
    usage = shutil.disk_usage(folder)
    yield graded(
        "disk space",
        f"{usage.free / 1e9:.1f} GB of {usage.total / 1e9:.1f} GB free at {folder}",
        bad=usage.free < _LITTLE_DISK,
        worse=usage.free < _NO_DISK,
        advice="Free some, or keep events for a shorter time (events_kept_for_days).",
    )
    median_ms, slowest_ms = _fsync_ms(folder)
    yield graded(
        "fsync",
        f"{median_ms:.2f} ms, slowest of {_FSYNCS} {slowest_ms:.2f} ms",
        bad=median_ms > _SLOW_FSYNC_MS,
        advice="Each accepted event waits for this; put the data on a faster disk.",
    )


def _fsync_ms(folder: Path) -> tuple[float, float]:
    """Return how long a page takes to the disk: the median and the slowest."""
    took = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix="doctor-") as file:
        for _ in range(_FSYNCS):
            file.write(_PAGE)
            file.flush()
            began = clock.seconds()
            os.fsync(file.fileno())
            took.append((clock.seconds() - began) * _MS)
    return statistics.median(took), max(took)


def _certificate(config: Config) -> Finding:
    if config.tls == "off":
        return Finding("certificate", "ok", "TLS is off; a proxy in front brings it, or nobody listens outside")
    certificate = config.tls_certificate or config.tls_dir / "server.crt"
    key = config.tls_key or config.tls_dir / "server.key"
    if config.tls_certificate is None and not certificate.exists():
        return Finding("certificate", "warn", "there is none yet", "The first start of a node makes it.")
    try:
        served = certificates.check(certificate, key, certificate_names(config), clock.utc_now())
    except certificates.CertificateFault as fault:
        return Finding("certificate", "fail", str(fault), "Renew it, or remove tls_certificate and tls_key.")
    return graded(
        "certificate",
        f"for {', '.join(served.names)}, until {served.valid_until:%Y-%m-%d}",
        bad=bool(served.warnings),
        advice=" ".join(served.warnings),
    )
