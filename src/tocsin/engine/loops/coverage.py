"""Coverage: looks ahead each hour and tells those who plan what will go wrong, days before it does."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from tocsin.domain.oncall.coverage import examine
from tocsin.domain.oncall.finding import Finding, Verdict
from tocsin.domain.oncall.finding_words import advice, sentence
from tocsin.engine.watch import Watch
from tocsin.ground.errors import StoreUnavailable
from tocsin.store.config import config_stamp
from tocsin.store.coverage.facts import Wanted
from tocsin.store.coverage.gather import Gathered, gather
from tocsin.store.coverage.told import Keeper, keepers, unheard
from tocsin.store.leases import take
from tocsin.store.notices import Notice, tell
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("coverage")

_EVERY_S = 60.0
_LEASE = timedelta(minutes=5)
_LOOK_EVERY = timedelta(hours=1)
_AHEAD = timedelta(days=14)  # long enough to find a replacement, short enough that people still act on it
_AGAIN_AFTER = timedelta(days=7)
_MOST_LINES = 20  # sentences of one notice; the rest is counted
_PAGE = "/app/coverage"
_VERDICTS: tuple[Verdict, ...] = ("fail", "warn", "note")


class CoverageLoop:
    """Looks ahead until cancelled: each hour, and a minute after the configuration changed."""

    def __init__(self, store: Store, *, holder: str, watch: Watch) -> None:
        """Prepare to look ahead; `holder` names this node in the lease."""
        self._store = store
        self._holder = holder
        self._watch = watch
        self._looked_at: datetime | None = None
        self._stamp = -1

    async def run(self) -> None:
        """Come round each minute; one node of the installation looks."""
        while True:
            self._watch.beat("coverage", pause_s=_EVERY_S)
            try:
                await self.look()
            except Exception as failure:  # noqa: BLE001 - border of a loop: the next minute tries again
                level = log.warning if isinstance(failure, StoreUnavailable) else log.error
                level("coverage.failed", failure=repr(failure))
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> int:
        """Look ahead if it is time, and tell of what is new; return how many people are told."""

        async def claim(turn: Turn) -> tuple[bool, int, datetime]:
            mine = await take(turn, "coverage", holder=self._holder, duration=_LEASE)
            return mine, await config_stamp(turn), turn.now

        mine, stamp, now = await self._store.work(claim)
        fresh = self._looked_at is not None and stamp == self._stamp and now - self._looked_at < _LOOK_EVERY
        if not mine or fresh:
            return 0
        gathered = await self._store.read(lambda turn: gather(turn, Wanted(), now, now + _AHEAD))
        # Seconds of processor time where there are many schedules: on the side, so that pages go on meanwhile.
        findings = await asyncio.to_thread(examine, gathered.facts, now, now + _AHEAD)
        for verdict in _VERDICTS:
            self._watch.coverage.labels(verdict).set(sum(finding.verdict == verdict for finding in findings))
        bad = [finding for finding in findings if finding.verdict != "note"]
        told = await self._store.work(lambda turn: _tell(turn, gathered, bad))
        self._looked_at, self._stamp = now, stamp
        return told


async def _tell(turn: Turn, gathered: Gathered, findings: list[Finding]) -> int:
    """Tell each keeper once of what is new to everybody."""
    new = await unheard(turn, [key_of(each) for each in findings], again_after=_AGAIN_AFTER)
    fresh = [each for each in findings if key_of(each) in new]
    if not fresh:
        return 0
    by_team = await keepers(turn)
    heard: dict[str, tuple[Keeper, list[Finding]]] = {}
    for finding in fresh:
        for keeper in _keepers_of(finding, gathered, by_team):
            heard.setdefault(keeper.user_id, (keeper, []))[1].append(finding)
    await tell(turn, [_notice(turn.now, keeper, gathered, each) for keeper, each in heard.values()])
    return len(heard)


def key_of(finding: Finding) -> str:
    """Return the name of a fault: the same while only the window moves on."""
    ids = (finding.policy_id, finding.level, finding.other_level, finding.schedule_id, finding.user_id)
    return ":".join([finding.kind, *(str(each or "") for each in ids), finding.subject])


def _keepers_of(finding: Finding, gathered: Gathered, by_team: dict[str | None, list[Keeper]]) -> list[Keeper]:
    """Return who is to hear of it: the managers of the teams concerned, else those who run the account."""
    found: dict[str, Keeper] = {}
    for team_id in _teams_of(finding, gathered):
        for keeper in by_team.get(team_id, ()) if team_id else ():
            found[keeper.user_id] = keeper
    return list(found.values()) or by_team.get(None, [])


def _teams_of(finding: Finding, gathered: Gathered) -> Iterable[str | None]:
    if finding.policy_id is not None:
        return [gathered.team_of_policy.get(finding.policy_id)]
    return dict.fromkeys(
        each.team_id
        for each in gathered.facts.policies
        if gathered.concerns(each, schedule_id=finding.schedule_id, user_id=finding.user_id)
    )


def _notice(now: datetime, keeper: Keeper, gathered: Gathered, findings: list[Finding]) -> Notice:
    names = gathered.names(keeper.time_zone)
    lines = [f"{sentence(each, names)} {advice(each)}".strip() for each in findings[:_MOST_LINES]]
    if len(findings) > _MOST_LINES:
        lines.append(f"And {len(findings) - _MOST_LINES} more.")
    count = f"{len(findings)} problems" if len(findings) > 1 else "a problem"
    return Notice(
        user_id=keeper.user_id,
        kind="coverage",
        key=f"coverage:{now:%Y%m%dT%H%M%S}",
        due_at=now,
        title=f"On call: {count} within the next {_AHEAD.days} days",
        text="\n".join(lines),
        url_path=_PAGE,
    )
