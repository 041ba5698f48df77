"""Bounds: how large and how dense a schedule may be, so that asking who is on call stays quick."""

from datetime import timedelta

FIRST_YEAR, LAST_YEAR = 1970, 2100  # of anything that a schedule names; what lies outside is a mistake in typing
SHORTEST_TURN = timedelta(hours=1)  # people who change more often than that hand over more than they watch
LONGEST_TURN = timedelta(days=366)  # a turn of a year; who has it longer needs no schedule
SHORTEST_SHIFT = timedelta(minutes=1)  # of an event; no page is answered faster than that

MOST_LAYERS_TOLD = 50  # layers in one request; a schedule that people can read has fewer than twelve
MOST_LAYERS = 120  # of one schedule: those of a request, 40 that ended, 20 that calendars tell, and some room
MOST_TURN_MEMBERS = 200  # users of a layer told by turns, PagerDuty's documented bound
MOST_RESTRICTIONS = 50  # of one layer, and of the off-hours; more are hours that nobody remembers
MOST_PATTERN_LAYERS = 10  # layers told by patterns, version 3's documented bound for rotations
MOST_PATTERNS = 5  # of one layer, version 3's documented bound for events
MOST_PATTERN_MEMBERS = 20  # version 3's documented bound
MOST_SHIFTS_PER_MEMBER = 1_000  # hourly shifts of a month and more in one person's hands

MOST_A_DAY = 500  # shifts of one schedule: twenty layers with an hourly turn; two weeks of them are still one answer
LONGEST_AHEAD = timedelta(days=30 * 366)  # of a single date after the first occurrence: a rule is walked up to it

MOST_SHOWN = 10_000  # shifts of one answer: drawn and written in a third of a second, two megabytes
MOST_RECKONED = 200_000  # shifts that one report adds up: a year of a hundred schedules with five shifts a day
