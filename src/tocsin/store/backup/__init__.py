"""Backup: everything the database knows in one file, and back again into an empty database on any machine."""

from tocsin.store.backup.archive import KEY_NOTE, Manifest, read_manifest
from tocsin.store.backup.progress import Progress, Step
from tocsin.store.backup.restore import restore
from tocsin.store.backup.save import backup

__all__ = ["KEY_NOTE", "Manifest", "Progress", "Step", "backup", "read_manifest", "restore"]
