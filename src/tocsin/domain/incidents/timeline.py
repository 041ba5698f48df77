"""The timeline: what happened to an incident, one log entry per fact, in order."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from tocsin.domain.incidents.agent import Agent, Via


class EntryKind(StrEnum):
    """The kinds of log entries; at the wire each gets PagerDuty's suffix `_log_entry`."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    ASSIGN = "assign"
    DELEGATE = "delegate"
    NOTIFY = "notify"
    SNOOZE = "snooze"
    ANNOTATE = "annotate"
    URGENCY_CHANGE = "urgency_change"
    REACH_TRIGGER_LIMIT = "reach_trigger_limit"
    REACH_ACK_LIMIT = "reach_ack_limit"
    EXHAUST_ESCALATION_PATH = "exhaust_escalation_path"
    REPEAT_ESCALATION_PATH = "repeat_escalation_path"
    FIELD_VALUE_CHANGE = "field_value_change"


class Entry(Struct, frozen=True):
    """One fact of a timeline; `body` holds what is particular to its kind (people, note, event, receipts)."""

    id: str
    incident_id: str
    service_id: str
    at: datetime
    kind: EntryKind
    agent: Agent
    channel: Via
    body: dict[str, object]
