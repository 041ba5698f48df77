"""Accept: events come in, and are answered when they are on disk."""

from tocsin.engine.accept.accept import Accept, Hinted

__all__ = ["Accept", "Hinted"]
