"""Events: what monitoring tools report, in our own words."""

from tocsin.domain.events.change import Change
from tocsin.domain.events.depth import deeper_than
from tocsin.domain.events.event import Action, Event, Image, Json, Link
from tocsin.domain.events.lane import lane_of
from tocsin.domain.events.pace import Allowance, Bucket
from tocsin.domain.events.severity import DEFAULT_SEVERITY, Severity, severity_of

__all__ = [
    "DEFAULT_SEVERITY",
    "Action",
    "Allowance",
    "Bucket",
    "Change",
    "Event",
    "Image",
    "Json",
    "Link",
    "Severity",
    "deeper_than",
    "lane_of",
    "severity_of",
]
