"""Alert changes by hand: alerts resolved or moved, and what that means for the incidents on both sides."""

from collections.abc import Mapping

from msgspec import Struct

from tocsin.domain.events.alert import Alert
from tocsin.domain.incidents.decision import Decision
from tocsin.domain.incidents.moves import decide
from tocsin.domain.incidents.order import AlertResolved, AlertsMoved, By
from tocsin.engine.turn import begin, finish
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import MOST_MERGED_ALERTS
from tocsin.store.decisions import AlertChanges
from tocsin.store.directory import Directory
from tocsin.store.lists import alerts as alert_lists
from tocsin.store.turn import Turn


class AlertWish(Struct, frozen=True):
    """What an alert should become: its status, and the incident it should belong to when that is another one."""

    status: str | None
    incident_id: str | None


async def change_alerts(
    turn: Turn, directory: Directory, incident_id: str, *, wishes: Mapping[str, AlertWish], by: By
) -> None:
    """Give alerts of an incident the status wanted, then move those that should belong elsewhere.

    Both incidents are locked before their alerts. Raises `Refused` when an alert is not there any more, is to be
    triggered again, or goes to an incident that is resolved or full.
    """
    targets = {wish.incident_id for wish in wishes.values() if wish.incident_id is not None}
    decisions = await begin(turn, directory, {incident_id, *targets})
    alerts = await alert_lists.locked(turn, incident_id, list(wishes))
    for alert_id in wishes:
        if alert_id not in alerts:
            raise Refused(Why.STALE, f"Alert {alert_id} went to another incident meanwhile.")
    changed: dict[str, Alert] = {}
    for alert_id, wish in wishes.items():
        alert = alerts[alert_id]
        if _moved(alert, wish, decisions, by) | _resolved(turn, alert, wish, decisions, by=by):
            changed[alert_id] = alert
    if changed:
        await finish(turn, decisions.values(), AlertChanges(changed=list(changed.values())))


def _resolved(turn: Turn, alert: Alert, wish: AlertWish, decisions: Mapping[str, Decision], *, by: By) -> bool:
    if wish.status == "triggered" and alert.status == "resolved":
        raise Refused(Why.BAD_STATUS, "A resolved alert is not triggered again; the next event opens a new one.")
    if wish.status != "resolved" or alert.status == "resolved" or alert.incident_id is None:
        return False
    alert.status = "resolved"
    alert.resolved_at = turn.now
    decide(decisions[alert.incident_id], AlertResolved(by, alert.id))
    return True


def _moved(alert: Alert, wish: AlertWish, decisions: Mapping[str, Decision], by: By) -> bool:
    if wish.incident_id is None or alert.incident_id is None:
        return False
    target = decisions.get(wish.incident_id)
    if target is None or not target.open:
        raise Refused(Why.INVALID, f"Incident {wish.incident_id} is resolved or gone: alerts go to open incidents.")
    if target.incident.alerts_total >= MOST_MERGED_ALERTS:
        raise Refused(Why.INVALID, f"An incident has at most {MOST_MERGED_ALERTS} alerts.")
    running = 1 if alert.status == "triggered" else 0
    decide(decisions[alert.incident_id], AlertsMoved(by, -running, -1))
    decide(target, AlertsMoved(by, running, 1))
    alert.incident_id = wish.incident_id
    return True
