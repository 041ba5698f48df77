"""Why the embedded database server could not start, and what to do about it."""


class EmbeddedFailed(Exception):
    """The embedded server cannot run here; the message says what stands in the way and what to change."""
