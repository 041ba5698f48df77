"""Wire: how this program speaks outwards, over HTTP and SMTP, guarded, signed and bounded."""

from tocsin.wire.ways_out import Wire

__all__ = ["Wire"]
