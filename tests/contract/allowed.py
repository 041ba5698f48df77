"""Where answers differ from the specification on purpose, and why."""

from __future__ import annotations

# (method, path, place in the answer with * for any index) -> why the observed clients are right.
ALLOWED: dict[tuple[str, str, str], str] = {
    (
        "GET",
        "/vendors/{id}",
        "vendor",
    ): "documented as a list of one; the official Go and Python clients read an object",
}

# Kinds that a closed list of the specification lacks, compared as the kind beside them: `webhook` is our own,
# `whatsapp` has a schema there that the answers forget to name.
COMPARED_AS: dict[bytes, bytes] = {
    b'"whatsapp_contact_method': b'"phone_contact_method',
    b'"webhook_contact_method': b'"email_contact_method',
}
