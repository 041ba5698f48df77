"""Known paths: what PagerDuty's API has, so that a client learns "not built yet" and not "no such thing"."""

from functools import cache

_METHODS = {"G": "GET", "C": "POST", "U": "PUT", "D": "DELETE", "P": "PATCH"}
_TAGGABLE = frozenset({"users", "teams", "escalation_policies"})

# Letters of the methods (G get, C create, U update, D delete, P patch), then the path; * is an id and
# {taggable} the collection of a thing that can carry tags.
_TABLE = """
G /abilities
G /abilities/*
GC /addons
GUD /addons/*
GC /alert_grouping_settings
GUD /alert_grouping_settings/*
C /analytics/metrics/incidents/all
C /analytics/metrics/incidents/escalation_policies
C /analytics/metrics/incidents/escalation_policies/all
C /analytics/metrics/incidents/services
C /analytics/metrics/incidents/services/all
C /analytics/metrics/incidents/teams
C /analytics/metrics/incidents/teams/all
C /analytics/metrics/pd_advance_usage/features
C /analytics/metrics/responders/all
C /analytics/metrics/responders/teams
C /analytics/metrics/users/all
C /analytics/raw/incidents
G /analytics/raw/incidents/*
G /analytics/raw/incidents/*/responses
C /analytics/raw/responders/*/incidents
C /analytics/raw/users
G /audit/records
GC /automation_actions/actions
GUD /automation_actions/actions/*
C /automation_actions/actions/*/invocations
GC /automation_actions/actions/*/services
GD /automation_actions/actions/*/services/*
GC /automation_actions/actions/*/teams
GD /automation_actions/actions/*/teams/*
G /automation_actions/invocations
G /automation_actions/invocations/*
GC /automation_actions/runners
GUD /automation_actions/runners/*
GC /automation_actions/runners/*/teams
GD /automation_actions/runners/*/teams/*
GC /business_services
GUD /business_services/*
CD /business_services/*/account_subscription
GC /business_services/*/subscribers
G /business_services/*/supporting_services/impacts
C /business_services/*/unsubscribe
G /business_services/impactors
G /business_services/impacts
GUD /business_services/priority_thresholds
GC /change_events
GU /change_events/*
GC /customfields/fields
GUD /customfields/fields/*
GC /enrichment/event_enrichments
GUD /enrichment/event_enrichments/*
GCD /enrichment/event_enrichments/*/associations
GU /enrichment/event_enrichments/*/rules
GU /enrichment/event_enrichments/default
GC /enrichment/integrations/servicenow
GD /enrichment/integrations/servicenow/*
C /enrichment/integrations/servicenow/*/tables
UD /enrichment/integrations/servicenow/*/tables/*
C /enrichment/integrations/servicenow/*/tables/*/enable
G /enrichment/integrations/servicenow/*/tables/*/test
C /enrichment/integrations/servicenow/credentials
GUD /enrichment/integrations/servicenow/credentials/*
C /enrichment/query
GC /enrichment/schemas
GUD /enrichment/schemas/*
GC /enrichment/schemas/*/records
D /enrichment/schemas/*/records/*
GC /escalation_policies
GUD /escalation_policies/*
G /escalation_policies/*/audit/records
GC /escalation_policies/*/escalation_rules
GUD /escalation_policies/*/escalation_rules/*
GC /event_orchestrations
GUD /event_orchestrations/*
GC /event_orchestrations/*/cache_variables
GUD /event_orchestrations/*/cache_variables/*
GUD /event_orchestrations/*/cache_variables/*/data
G /event_orchestrations/*/enablements
U /event_orchestrations/*/enablements/*
GU /event_orchestrations/*/global
GC /event_orchestrations/*/integrations
GUD /event_orchestrations/*/integrations/*
C /event_orchestrations/*/integrations/migration
GU /event_orchestrations/*/router
GU /event_orchestrations/*/unrouted
GU /event_orchestrations/services/*
GU /event_orchestrations/services/*/active
GC /event_orchestrations/services/*/cache_variables
GUD /event_orchestrations/services/*/cache_variables/*
GUD /event_orchestrations/services/*/cache_variables/*/data
GC /event_rules
UD /event_rules/*
G /extension_schemas
G /extension_schemas/*
GC /extensions
GUD /extensions/*
C /extensions/*/enable
GC /incident_workflows
GUD /incident_workflows/*
C /incident_workflows/*/instances
G /incident_workflows/actions
G /incident_workflows/actions/*
GC /incident_workflows/triggers
GUD /incident_workflows/triggers/*
C /incident_workflows/triggers/*/services
D /incident_workflows/triggers/*/services/*
GCU /incidents
GU /incidents/*
GU /incidents/*/alerts
GU /incidents/*/alerts/*
U /incidents/*/business_services/*/impacts
G /incidents/*/business_services/impacts
GU /incidents/*/custom_fields/values
GU /incidents/*/field_values
G /incidents/*/log_entries
U /incidents/*/merge
GC /incidents/*/notes
UD /incidents/*/notes/*
G /incidents/*/outlier_incident
G /incidents/*/past_incidents
G /incidents/*/related_change_events
G /incidents/*/related_incidents
C /incidents/*/responder_requests
U /incidents/*/responder_requests/cancel
C /incidents/*/snooze
C /incidents/*/status_updates
GC /incidents/*/status_updates/subscribers
C /incidents/*/status_updates/unsubscribe
GC /incidents/custom_fields
GUD /incidents/custom_fields/*
GC /incidents/custom_fields/*/field_options
UD /incidents/custom_fields/*/field_options/*
GC /incidents/types
GU /incidents/types/*
GC /incidents/types/*/custom_fields
GUD /incidents/types/*/custom_fields/*
GC /incidents/types/*/custom_fields/*/field_options
GUD /incidents/types/*/custom_fields/*/field_options/*
G /integration-jira-cloud/accounts_mappings
GC /integration-jira-cloud/accounts_mappings/*/rules
GUD /integration-jira-cloud/accounts_mappings/*/rules/*
GC /integration-slack/workspaces/*/connections
GUD /integration-slack/workspaces/*/connections/*
GC /ip_allow_lists
GUD /ip_allow_lists/*
G /ip_allow_lists/*/audit/records
G /license_allocations
G /licenses
G /log_entries
G /log_entries/*
U /log_entries/*/channel
GC /maintenance_windows
GUD /maintenance_windows/*
G /notifications
D /oauth_delegations
G /oauth_delegations/revocation_requests/status
G /oncalls
G /paused_incident_reports/alerts
G /paused_incident_reports/counts
G /priorities
G /recommendations/event_orchestrations/rules
D /recommendations/event_orchestrations/services/*/accepted_rules/*
C /recommendations/event_orchestrations/services/*/rules/*/accept
C /recommendations/event_orchestrations/services/*/rules/*/dismiss
GC /response_plays
GUD /response_plays/*
C /response_plays/*/run
GC /rulesets
GUD /rulesets/*
GC /rulesets/*/rules
GUD /rulesets/*/rules/*
GC /schedules
GUD /schedules/*
G /schedules/*/audit/records
GC /schedules/*/overrides
D /schedules/*/overrides/*
G /schedules/*/users
C /schedules/preview
C /service_dependencies/associate
G /service_dependencies/business_services/*
C /service_dependencies/disassociate
G /service_dependencies/technical_services/*
GC /services
GUD /services/*
G /services/*/audit/records
G /services/*/change_events
GU /services/*/custom_fields/values
G /services/*/enablements
U /services/*/enablements/*
C /services/*/integrations
GUD /services/*/integrations/*
GC /services/*/rules
GUD /services/*/rules/*
C /services/*/rules/convert
GC /services/custom_fields
GUD /services/custom_fields/*
GC /services/custom_fields/*/field_options
GUD /services/custom_fields/*/field_options/*
GUD /session_configurations
G /sre_agent/memories
UD /sre_agent/memories/*
G /standards
U /standards/*
G /standards/scores/*
G /standards/scores/*/*
G /status_dashboards
G /status_dashboards/*
G /status_dashboards/*/service_impacts
G /status_dashboards/url_slugs/*
G /status_dashboards/url_slugs/*/service_impacts
G /status_pages
G /status_pages/*/impacts
G /status_pages/*/impacts/*
GC /status_pages/*/posts
GUD /status_pages/*/posts/*
GC /status_pages/*/posts/*/post_updates
GUD /status_pages/*/posts/*/post_updates/*
GUD /status_pages/*/posts/*/postmortem
G /status_pages/*/services
G /status_pages/*/services/*
G /status_pages/*/severities
G /status_pages/*/severities/*
G /status_pages/*/statuses
G /status_pages/*/statuses/*
GC /status_pages/*/subscriptions
GD /status_pages/*/subscriptions/*
GC /tags
GD /tags/*
G /tags/*/*
GC /teams
GUD /teams/*
G /teams/*/audit/records
UD /teams/*/escalation_policies/*
G /teams/*/members
GC /teams/*/notification_subscriptions
C /teams/*/notification_subscriptions/unsubscribe
UD /teams/*/users/*
GC /templates
GUD /templates/*
C /templates/*/render
G /templates/fields
GC /users
GUD /users/*
G /users/*/audit/records
GC /users/*/contact_methods
GUD /users/*/contact_methods/*
G /users/*/license
G /users/*/log_entries
GC /users/*/notification_rules
GUD /users/*/notification_rules/*
GC /users/*/notification_subscriptions
C /users/*/notification_subscriptions/unsubscribe
G /users/*/oauth_delegations
G /users/*/oauth_delegations/*
GC /users/*/oncall_handoff_notification_rules
GUD /users/*/oncall_handoff_notification_rules/*
C /users/*/regenerate_private_url_key
GD /users/*/sessions
GD /users/*/sessions/*/*
GC /users/*/status_update_notification_rules
GUD /users/*/status_update_notification_rules/*
G /users/me
GC /v3/schedules
GUD /v3/schedules/*
G /v3/schedules/*/audit/records
GC /v3/schedules/*/custom_shifts
GUD /v3/schedules/*/custom_shifts/*
GC /v3/schedules/*/overrides
GUD /v3/schedules/*/overrides/*
GC /v3/schedules/*/rotations
GD /v3/schedules/*/rotations/*
GC /v3/schedules/*/rotations/*/events
GUD /v3/schedules/*/rotations/*/events/*
G /vendors
G /vendors/*
GC /webhook_subscriptions
GUD /webhook_subscriptions/*
C /webhook_subscriptions/*/enable
C /webhook_subscriptions/*/ping
GC /webhook_subscriptions/oauth_clients
GUD /webhook_subscriptions/oauth_clients/*
G /workflows/integrations
G /workflows/integrations/*
GC /workflows/integrations/*/connections
GDP /workflows/integrations/*/connections/*
G /workflows/integrations/connections
C /{taggable}/*/change_tags
G /{taggable}/*/tags
"""

_Key = tuple[str, ...]


@cache
def _by_length() -> dict[int, list[tuple[frozenset[str], _Key]]]:
    table: dict[int, list[tuple[frozenset[str], _Key]]] = {}
    for line in _TABLE.split("\n"):
        if line:
            letters, _, path = line.partition(" ")
            key = tuple(path.strip("/").split("/"))
            table.setdefault(len(key), []).append((frozenset(_METHODS[letter] for letter in letters), key))
    return table


def is_known(method: str, path: str) -> bool:
    """Return whether PagerDuty's API, as its clients call it, has an operation at this path."""
    parts = tuple(part for part in path.split("/") if part)
    return any(
        method in methods and all(_fits(segment, part) for segment, part in zip(key, parts, strict=True))
        for methods, key in _by_length().get(len(parts), ())
    )


def _fits(segment: str, part: str) -> bool:
    return segment in ("*", part) or (segment == "{taggable}" and part in _TAGGABLE)
