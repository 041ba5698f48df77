"""Lane: which queue an event waits in, so that events about the same problem keep their order."""

from zlib import crc32

from tocsin.ground.limits import LANES


def lane_of(integration_id: bytes, dedup_key: bytes) -> int:
    """Return the lane of this problem: the same on every node and in every version while `LANES` stays."""
    return crc32(dedup_key, crc32(integration_id)) % LANES
