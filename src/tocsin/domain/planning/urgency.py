"""Urgency explained: which rule of the service made a problem urgent, or let it wait."""

from datetime import datetime

from tocsin.domain.services.urgency_rule import URGENT_SEVERITIES, Always, Measure, UrgencyRule


def urgency_reason(rule: UrgencyRule, severity: str, at: datetime) -> str:
    """Return why a problem of this severity that begins at this instant has its urgency."""
    if isinstance(rule, Always):
        return _measured(rule.urgency, severity)
    held = rule.hours.hold(at)
    where = f"{'inside' if held else 'outside'} support hours"
    return f"{where} ({rule.hours.time_zone}), {_measured(rule.during if held else rule.outside, severity)}"


def _measured(measure: Measure, severity: str) -> str:
    if measure == "severity_based":
        return f"severity {severity} {'is urgent' if severity in URGENT_SEVERITIES else 'can wait'}"
    return f"the service says {measure}"
