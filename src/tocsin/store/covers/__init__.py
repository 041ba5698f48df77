"""Cover as kept: requests and what became of them, absences, and what both say about the shifts to come.

For other rooms: `covered` and `look_again` for the loop that looks after schedules have changed, `in_conflict` for
cover that waits for a decision, and `absences_of` for who is away when.
"""

from tocsin.store.covers.absences import absences_of
from tocsin.store.covers.look import covered, in_conflict, look_again

__all__ = ["absences_of", "covered", "in_conflict", "look_again"]
