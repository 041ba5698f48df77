"""The embedded PostgreSQL: one database server of our own that lives beside the data and needs no administrator."""

from tocsin.store.embedded.failure import EmbeddedFailed
from tocsin.store.embedded.server import Embedded

__all__ = ["Embedded", "EmbeddedFailed"]
