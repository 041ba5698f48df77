"""Schedules, version 3 of the wire: rotations, their events, custom shifts and overrides, in PagerDuty's shape."""

from tocsin.api.rest.rotations.custom_shifts import (
    create_custom_shifts,
    delete_custom_shift,
    list_custom_shifts,
    show_one_custom_shift,
    update_custom_shift,
)
from tocsin.api.rest.rotations.overrides import (
    create_v3_overrides,
    delete_v3_override,
    list_v3_overrides,
    show_v3_override,
    update_v3_override,
)
from tocsin.api.rest.rotations.patterns import create_event, delete_event, list_events, show_one_event, update_event
from tocsin.api.rest.rotations.rotations import create_rotation, delete_rotation, list_rotations, show_one_rotation
from tocsin.api.rest.rotations.schedules import (
    create_v3_schedule,
    delete_v3_schedule,
    list_v3_schedules,
    show_v3_schedule,
    update_v3_schedule,
)

__all__ = [
    "create_custom_shifts",
    "create_event",
    "create_rotation",
    "create_v3_overrides",
    "create_v3_schedule",
    "delete_custom_shift",
    "delete_event",
    "delete_rotation",
    "delete_v3_override",
    "delete_v3_schedule",
    "list_custom_shifts",
    "list_events",
    "list_rotations",
    "list_v3_overrides",
    "list_v3_schedules",
    "show_one_custom_shift",
    "show_one_event",
    "show_one_rotation",
    "show_v3_override",
    "show_v3_schedule",
    "update_custom_shift",
    "update_event",
    "update_v3_override",
    "update_v3_schedule",
]
