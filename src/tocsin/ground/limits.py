"""Limits: every bound of the product, with its unit and the reason for the number."""

from datetime import timedelta

LONGEST_EVENT = 512 * 1024  # bytes; the Events API's documented cap, Alertmanager cuts itself at 512,000
DEEPEST_EVENT = 200  # nested arrays and objects; real payloads stay below 40
LONGEST_DEDUP_KEY = 255  # characters, Events API v2
LONGEST_SUMMARY = 1024  # characters, Events API v2; longer text is cut, never refused
LONGEST_TITLE = 1024  # characters; an incident's title starts as an event's summary
LONGEST_NOTE = 25_000  # characters; REST notes
LONGEST_REQUEST = 2 * 1024 * 1024  # bytes of a REST body; the largest real one is a bulk update of 250 incidents
LONGEST_SNOOZE = timedelta(days=7)  # PagerDuty's documented bound, 604,800 s
SHORTEST_SNOOZE = timedelta(seconds=1)
MOST_BULK_INCIDENTS = 250  # REST bulk update; more is answered 413
MOST_MERGED_ALERTS = 1000  # alerts of one incident after a merge
MOST_LOGGED_TRIGGERS = 100  # events of one alert on the timeline; later ones are counted
MOST_NOTES = 2000  # notes of one incident
MOST_LEVELS = 20  # levels of one escalation policy
MOST_TARGETS = 10  # targets of one level
MOST_REPEATS = 9  # repeats of one escalation policy
DEFAULT_PAGE = 25  # rows of a list
MOST_PAGE = 100  # rows of a list
DEEPEST_PAGE = 10_000  # offset + limit; beyond it the API asks for a narrower filter

LANES = 64  # inbox lanes: enough to keep several nodes busy, few enough to sweep each second
LANE_BATCH = 100  # inbox rows of one lane turn: about 10 ms of processor time, during which no request is answered
FIRST_PAGE_LATE = timedelta(minutes=15)  # a due page older than this is bundled into one digest per person
LEASE = timedelta(seconds=13)  # a page whose holder is silent that long is sent again: a provider's patience and more
PROVIDER_PATIENCE = timedelta(seconds=10)  # a provider's answer; longer is "unknown"
MOST_REPEATED_SENDS = 1  # an unknown delivery is sent again once, marked "may repeat"
LAST_RESORT_PATIENCE = timedelta(minutes=5)  # a fallback page's time to be answered before it is paged again
