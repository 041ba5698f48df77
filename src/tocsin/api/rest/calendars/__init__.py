"""Calendars, our own addition to the API: feeds that people subscribe to, and layers that somebody's calendar tells."""

from tocsin.api.rest.calendars.feeds import create_feed, list_feeds, revoke_feed, show_feed
from tocsin.api.rest.calendars.file import fetch_calendar
from tocsin.api.rest.calendars.layers import (
    create_calendar,
    delete_calendar,
    list_calendars,
    refresh_calendar,
    show_calendar,
    update_calendar,
)

__all__ = [
    "create_calendar",
    "create_feed",
    "delete_calendar",
    "fetch_calendar",
    "list_calendars",
    "list_feeds",
    "refresh_calendar",
    "revoke_feed",
    "show_calendar",
    "show_feed",
    "update_calendar",
]
