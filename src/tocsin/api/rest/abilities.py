"""Abilities: what this installation can do, as clients ask before they try."""

from tocsin.api.kit import Answer, Call, gone, operation, shown
from tocsin.ground.errors import Refused, Why

ABILITIES = (
    "permissions_service",
    "read_only_users",
    "service_support_hours",
    "teams",
    "time_based_alert_grouping",
    "urgencies",
)
# Abilities that clients ask for and that are not built yet: "not in your plan" in the words of the wire.
NOT_YET = frozenset({
    "advanced_permissions", "automation_actions", "business_services", "content_based_alert_grouping",
    "coordinated_responding", "custom_fields", "event_orchestration", "event_rules", "incident_workflows",
    "intelligent_alert_grouping", "mobile_fair_scheduling", "preview_intelligent_alert_grouping", "response_plays",
    "service_custom_fields", "sso", "status_update_templates", "team_responders", "webhook_subscriptions",
})  # fmt: skip


@operation("GET", "/abilities")
async def list_abilities(call: Call) -> Answer:
    """List what this installation can do."""
    del call
    return shown("abilities", list(ABILITIES))


@operation("GET", "/abilities/{id}")
async def test_ability(call: Call) -> Answer:
    """Answer 204 for an ability that is there, 402 for one that is not built yet, 404 for an unknown one."""
    name = call.path["id"]
    if name in ABILITIES:
        return gone()
    if name in NOT_YET:
        raise Refused(Why.NOT_BUILT, f"The ability {name} is not built yet.")
    raise Refused(Why.NOT_FOUND, "There is no such ability.")
