"""Cover and absences over the API: asking a colleague to take a turn, and saying when one is away."""

from tocsin.api.rest.covers.absences import (
    create_absence,
    delete_absence,
    list_absences,
    list_absences_of_user,
    list_conflicts,
    show_absence,
    update_absence,
)
from tocsin.api.rest.covers.cover_answers import accept_cover, decline_cover, keep_cover, withdraw_cover
from tocsin.api.rest.covers.cover_requests import ask_for_cover, list_cover_requests, show_cover_request

__all__ = [
    "accept_cover",
    "ask_for_cover",
    "create_absence",
    "decline_cover",
    "delete_absence",
    "keep_cover",
    "list_absences",
    "list_absences_of_user",
    "list_conflicts",
    "list_cover_requests",
    "show_absence",
    "show_cover_request",
    "update_absence",
    "withdraw_cover",
]
