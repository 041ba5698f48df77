"""Where answers differ from the specification on purpose, and why."""

from __future__ import annotations

_STRATEGY = "documented as a bare word; the Terraform provider writes and reads an object with a type"


# (method, path, place in the answer with * for any index) -> why the observed clients are right.
ALLOWED: dict[tuple[str, str, str], str] = {
    (
        "GET",
        "/vendors/{id}",
        "vendor",
    ): "documented as a list of one; the official Go and Python clients read an object",
    (
        "POST",
        "/schedules/{id}/overrides",
        "",
    ): "the older form answers the one override, as the Go client reads it",
    **{
        (
            method,
            f"/escalation_policies{item}",
            f"{key}.escalation_rules.*.escalation_rule_assignment_strategy",
        ): _STRATEGY
        for method, item, key in (
            ("GET", "", "escalation_policies.*"),
            ("POST", "", "escalation_policy"),
            ("GET", "/{id}", "escalation_policy"),
            ("PUT", "/{id}", "escalation_policy"),
        )
    },
}

# Kinds that a closed list of the specification lacks, compared as the kind beside them: `webhook` is our own,
# `whatsapp` has a schema there that the answers forget to name, and the schema of an acknowledgement asks for a type
# that its own list of types does not have.
COMPARED_AS: dict[bytes, bytes] = {
    b'"whatsapp_contact_method': b'"phone_contact_method',
    b'"webhook_contact_method': b'"email_contact_method',
    b'"type":"acknowledge_log_entry"': b'"type":"trigger_log_entry"',
}
