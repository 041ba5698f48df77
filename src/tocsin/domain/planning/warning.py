"""Warnings: what nobody would want: empty levels, people out of reach, rules that never ring."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from tocsin.domain.oncall.policy import Target
from tocsin.domain.planning.simulation import CalledOff, Course, World
from tocsin.domain.planning.story import Called, Moment
from tocsin.domain.planning.words import Cast, length, offset

MOST_WARNINGS = 50  # more of them say nothing new


def warnings(
    course: Course, moments: Sequence[Moment], calls: Sequence[Called | None], *, world: World, cast: Cast
) -> tuple[str, ...]:
    """Return a sentence for each thing that would go wrong, each once."""
    found: dict[str, None] = {}
    for moment in moments:
        for said in moment.said:
            if said.body.get("nobody_on_call"):
                found |= dict.fromkeys(_empty(course, int(said.body["level"]), moment.at, world=world, cast=cast))
    for call in calls:
        if call is not None and call.kind == "level":
            found |= dict.fromkeys(_passed_over(course, call, world, cast))
    found |= dict.fromkeys(_not_carried(course, cast))
    found |= dict.fromkeys(_never_rings(each, cast) for each in course.called_off if each.why == "escalated")
    if not any(ring.sent for ring in course.rings):
        found |= {"Nobody at all would be told.": None}
    return tuple(found)[:MOST_WARNINGS]


def _empty(course: Course, level: int, at: datetime, *, world: World, cast: Cast) -> Iterator[str]:
    """Say why a level has nobody, target by target."""
    for target in course.plan.levels[level - 1].targets:
        yield f"Level {level} has nobody at {offset(at - course.began_at)}: {_why_nobody(target, at, world, cast)}"


def _why_nobody(target: Target, at: datetime, world: World, cast: Cast) -> str:
    behind = world.behind(target, at)
    if behind:
        return " ".join(_why_unreachable(user_id, world, cast) for user_id in behind)
    timeline = world.timelines.get(target.id)
    return "a schedule was deleted." if timeline is None else f"nobody is on call on schedule {timeline.schedule.name}."


def _why_unreachable(user_id: str, world: World, cast: Cast) -> str:
    if user_id not in world.people:
        return f"{cast.name(user_id)} is not a user any more."
    return f"{cast.name(user_id)} has no contact method that works."


def _passed_over(course: Course, call: Called, world: World, cast: Cast) -> Iterator[str]:
    """Name people on a level who are not called because they cannot be reached, though others of it are."""
    crew = world.crew_at(course.plan, call.at)
    for target in course.plan.levels[call.level - 1].targets:
        for user_id in world.behind(target, call.at):
            if not crew.reachable((user_id,)):
                yield f"Level {call.level} does not reach everybody: {_why_unreachable(user_id, world, cast)}"


def _not_carried(course: Course, cast: Cast) -> Iterator[str]:
    for ring in course.rings:
        if not ring.sent:
            who = cast.name(ring.page.user_id)
            yield f"No provider carries {ring.page.channel} here, so {who} is not told by it."


def _never_rings(called_off: CalledOff, cast: Cast) -> str:
    page = called_off.page
    wait = length(page.due_at - page.created_at)
    said = f"The rule of {cast.name(page.user_id)} that waits {wait} ({page.channel}) does not ring: "
    if page.due_at == called_off.at:
        return f"{said}the next level is called at the same second, so it may or may not leave."
    return f"{said}the next level is called before."
