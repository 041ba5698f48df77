"""Calendars as kept: those that tell a layer's shifts, with their last good copy, and the feeds that go out."""

from tocsin.store.calendars.warnings import Stale, Strangers, stale, unmatched

__all__ = ["Stale", "Strangers", "stale", "unmatched"]
