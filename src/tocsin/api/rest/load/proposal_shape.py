"""Proposals on the wire: whose turn it is and whose it should be, load before and after, and what rules are broken."""

from collections.abc import Iterable
from math import sqrt

from tocsin.api.kit import Call, Shown
from tocsin.api.rest.load.load_shape import show_user
from tocsin.api.rest.load.proposal_question import Asked
from tocsin.domain.oncall.load import weighted_hours
from tocsin.domain.oncall.proposal import Broken, Choice, Proposal

_HOUR_S = 3600


def show_proposal(call: Call, asked: Asked, proposal: Proposal) -> Shown:
    """Return a proposal as a client reads it, and as `POST /api/proposals/apply` takes it back."""
    schedule = asked.kept.schedule
    names = {layer.id: layer.name for layer in schedule.layers}
    return {
        "schedule": call.links.reference("schedule", schedule.id, schedule.name),
        "since": call.at(asked.window[0]),
        "until": call.at(asked.window[1]),
        "layers": [{"id": each, "name": names.get(each, "")} for each in asked.layer_ids],
        "max_consecutive_nights": asked.wish.most_nights,
        "min_rest_hours": asked.wish.rest.total_seconds() / _HOUR_S,
        "turns": [_show_turn(call, asked, choice) for choice in proposal.choices],
        "changes": sum(choice.user_id != choice.turn.holder for choice in proposal.choices),
        "loads": [
            {
                "user": show_user(call, asked.people[user_id]),
                "before": weighted_hours(before),
                "after": weighted_hours(proposal.after[user_id]),
            }
            for user_id, before in proposal.before.items()
        ],
        "deviation": {"before": _deviation(proposal.before.values()), "after": _deviation(proposal.after.values())},
        "possible": not proposal.broken,
        "broken_rules": [_show_broken(call, asked, broken) for broken in proposal.broken],
        "advice": _advice(proposal),
    }


def _show_turn(call: Call, asked: Asked, choice: Choice) -> Shown:
    turn = choice.turn
    return {
        "turn": turn.key,
        "layer_id": turn.layer_id,
        "start": call.at(turn.start),
        "end": call.at(turn.end),
        "parts": [{"start": call.at(start), "end": call.at(end)} for start, end in turn.parts],
        "before": _user(call, asked, turn.holder),
        "after": _user(call, asked, choice.user_id),
        "changed": choice.user_id != turn.holder,
    }


def _show_broken(call: Call, asked: Asked, broken: Broken) -> Shown:
    return {
        "rule": broken.rule,
        "user": _user(call, asked, broken.user_id),
        "at": call.at(broken.at),
        "text": _sentence(call, asked, broken),
    }


def _sentence(call: Call, asked: Asked, broken: Broken) -> str:
    person = asked.people.get(broken.user_id)
    name, at = person.name if person else broken.user_id, call.at(broken.at)
    if broken.rule == "absent":
        return f"Everybody of the {broken.measure} members is away in the turn from {at}; it stays with {name}."
    if broken.rule == "nights":
        return f"{name} has {broken.measure} nights in a row from {at}; {asked.wish.most_nights} are allowed."
    wanted = asked.wish.rest.total_seconds() / _HOUR_S
    if broken.measure < 0:
        return f"{name} has two turns at the same time at {at}."
    return f"{name} has {broken.measure / _HOUR_S:g} hours of rest before {at}; {wanted:g} are asked for."


def _advice(proposal: Proposal) -> str | None:
    """Say what to do when not all rules could be kept."""
    if not proposal.broken:
        return None
    if proposal.proven:
        return "No order of these members keeps all rules: name more members, or ask for less rest or more nights."
    return "No order was found that keeps all rules: name more members, or ask for a shorter stretch."


def _user(call: Call, asked: Asked, user_id: str) -> Shown:
    person = asked.people.get(user_id)
    if person is None:
        return call.links.reference("user", user_id, None, deleted=True)
    return show_user(call, person)


def _deviation(loads: Iterable[int]) -> float:
    """Return the standard deviation of these loads in weighted hours."""
    values = [weighted_hours(load) for load in loads]
    mean = sum(values) / len(values)
    return round(sqrt(sum((value - mean) ** 2 for value in values) / len(values)), 4)
