"""Fair load over the API: reports of hours and pages, weights, holidays, pay, and proposals for a fairer order."""

from tocsin.api.rest.load.holidays import (
    create_holiday_calendar,
    delete_holiday_calendar,
    list_holiday_calendars,
    refresh_holiday_calendar,
    show_holiday_calendar,
    update_holiday_calendar,
)
from tocsin.api.rest.load.holidays_of import (
    give_holidays_to_team,
    give_holidays_to_user,
    list_holidays_of_team,
    list_holidays_of_user,
    take_holidays_from_team,
    take_holidays_from_user,
)
from tocsin.api.rest.load.pay import show_pay
from tocsin.api.rest.load.pay_rules import drop_pay_rules, set_pay_rules, show_pay_rules
from tocsin.api.rest.load.proposals import apply_proposal, ask_for_proposal
from tocsin.api.rest.load.report import show_load
from tocsin.api.rest.load.weights import (
    drop_team_weights,
    show_account_weights,
    show_team_weights,
    update_account_weights,
    update_team_weights,
)

__all__ = [
    "apply_proposal",
    "ask_for_proposal",
    "create_holiday_calendar",
    "delete_holiday_calendar",
    "drop_pay_rules",
    "drop_team_weights",
    "give_holidays_to_team",
    "give_holidays_to_user",
    "list_holiday_calendars",
    "list_holidays_of_team",
    "list_holidays_of_user",
    "refresh_holiday_calendar",
    "set_pay_rules",
    "show_account_weights",
    "show_holiday_calendar",
    "show_load",
    "show_pay",
    "show_pay_rules",
    "show_team_weights",
    "take_holidays_from_team",
    "take_holidays_from_user",
    "update_account_weights",
    "update_holiday_calendar",
    "update_team_weights",
]
