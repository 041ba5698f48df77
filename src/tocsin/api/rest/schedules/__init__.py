"""Schedules, version 2 of the wire: layers and overrides, kept and shown in PagerDuty's shape."""

from tocsin.api.rest.schedules.lists import list_schedules, list_users, show_one_schedule
from tocsin.api.rest.schedules.overrides import create_overrides, delete_override, list_overrides
from tocsin.api.rest.schedules.records import list_records, list_records_of_rotations
from tocsin.api.rest.schedules.write import create_schedule, delete_schedule, preview_schedule, update_schedule

__all__ = [
    "create_overrides",
    "create_schedule",
    "delete_override",
    "delete_schedule",
    "list_overrides",
    "list_records",
    "list_records_of_rotations",
    "list_schedules",
    "list_users",
    "preview_schedule",
    "show_one_schedule",
    "update_schedule",
]
