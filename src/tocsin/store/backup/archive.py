"""The backup file: a zip archive with one stream per table and a manifest that proves each of them whole."""

import hashlib
import zipfile
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from tocsin.ground.errors import Refused, Why

FORMAT = "tocsin-backup"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
LONGEST_MANIFEST = 16 * 1024 * 1024  # bytes; a hundred tables and ten years of daily partitions need 2 MB
COMPRESSION = 3  # of zlib's 1 to 9; higher ones cost twice the time for a twentieth of the size
KEY_NOTE = (
    "Secrets in the backup stay sealed. The key that opens them is not in it: "
    "keep the key file of this installation as well, and put it beside the restored data."
)


class Table(Struct, frozen=True):
    """One table's stream: PostgreSQL's COPY text with these columns in this order."""

    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str

    @property
    def member(self) -> str:
        """The stream's name in the archive."""
        return f"tables/{self.name}.copy"


class Partition(Struct, frozen=True):
    """One partition that rows of a table lie in."""

    name: str
    parent: str
    bounds: str


class Sequence(Struct, frozen=True):
    """Where a sequence of numbers stands."""

    name: str
    last_value: int
    called: bool


class SchemaStep(Struct, frozen=True):
    """One migration that the saved database had."""

    number: int
    name: str
    digest: str


class Manifest(Struct, frozen=True):
    """What a backup holds, of which instant and of which shape of the database."""

    format: str
    format_version: int
    program_version: str
    saved_at: datetime
    schema: tuple[SchemaStep, ...]
    tables: tuple[Table, ...]
    partitions: tuple[Partition, ...]
    sequences: tuple[Sequence, ...]

    @property
    def rows(self) -> int:
        """How many rows there are in all tables."""
        return sum(table.rows for table in self.tables)


def open_archive(source: Path) -> zipfile.ZipFile:
    """Open a backup for reading; raises Refused when the file is no archive."""
    try:
        return zipfile.ZipFile(source)
    except zipfile.BadZipFile as failure:
        raise Refused(Why.INVALID, f"{source} is not a backup of Tocsin, or it is cut off: {failure}.") from failure


def manifest_of(archive: zipfile.ZipFile) -> Manifest:
    """Return the manifest of an open backup; raises Refused when this version cannot read it."""
    try:
        if archive.getinfo(MANIFEST).file_size > LONGEST_MANIFEST:
            raise Refused(Why.TOO_LARGE, f"The manifest is longer than {LONGEST_MANIFEST} bytes.")
        manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
    except (KeyError, msgspec.MsgspecError, zipfile.BadZipFile) as failure:
        raise Refused(Why.INVALID, f"The file is not a whole backup of Tocsin: {failure}.") from failure
    if manifest.format != FORMAT or manifest.format_version > FORMAT_VERSION:
        raise Refused(
            Why.INVALID,
            f"The backup has format {manifest.format} {manifest.format_version}; this version reads "
            f"{FORMAT} up to {FORMAT_VERSION}. Restore it with the version that wrote it: {manifest.program_version}.",
        )
    return manifest


def read_manifest(source: Path) -> Manifest:
    """Return what a backup holds, without restoring it; raises Refused when it is none."""
    with open_archive(source) as archive:
        return manifest_of(archive)


def check_whole(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Compare every stream with its checksum; raises Refused that names the damaged one."""
    for table in manifest.tables:
        try:
            with archive.open(table.member) as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # IO[bytes] reads into a buffer too
        except (KeyError, zipfile.BadZipFile, EOFError) as failure:
            raise Refused(Why.INVALID, f"The backup is damaged at table {table.name}: {failure}.") from failure
        if digest != table.sha256:
            raise Refused(Why.INVALID, f"The backup is damaged: the checksum of table {table.name} is another one.")
