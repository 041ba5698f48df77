"""Letters: the words of a page by mail, as plain text and as HTML that a dark bedroom can bear."""

from functools import cache
from html import escape

from minijinja import Environment, safe
from msgspec import Struct

from tocsin.domain.paging.message import Message
from tocsin.domain.paging.wording import LONGEST_DETAIL, headline, moment, named_lines, plain_text

MOST_DETAILS = 30  # details shown; the rest is behind the link


class LetterText(Struct, frozen=True):
    """The words of a letter: its subject on one line, its plain text, its HTML."""

    subject: str
    plain: str
    html: str


def letter_text(message: Message) -> LetterText:
    """Return the words of a letter; both forms say the same, and the HTML fetches nothing from anywhere."""
    named, further = named_lines(message)
    facts = _facts(message)
    words = {
        "headline": headline(message),
        "title": plain_text(message.title) if message.kind in {"page", "status", "notice"} else headline(message),
        "lead": _lead(message),
        "reason": _CALM if message.kind == "notice" else plain_text(message.reason, LONGEST_DETAIL),
        "repeat": _REPEAT if message.may_repeat else "",
        "acknowledge_url": message.acknowledge_url,
        "resolve_url": message.resolve_url,
        "url": message.url,
        "facts": facts,
        "lines": [
            {
                "name": f"#{line.number}",
                "said": f"{plain_text(line.title)} · {plain_text(line.service, 60)} · {line.urgency}",
                "url": line.url,
            }
            for line in named
        ],
        "further": f"and {further} more" if further > 0 and named else "",
        "high": message.urgency == "high",
        "locale": message.locale,
    }
    plain = _templates().render_template("letter.txt", **words)
    page = _templates().render_template("letter.html", **words)
    return LetterText(headline(message), plain, page)


_CALM = "This is a notice: nothing is asked of you."
_REPEAT = "This message may repeat an earlier one: whether that one arrived is not known."


def _lead(message: Message) -> str:
    """Return the first sentence, which mail programs show beside the subject."""
    if message.kind == "test":
        return "This is a test: Tocsin can reach you at this address. Nothing is wrong and nothing is asked of you."
    if message.kind == "notice":
        return plain_text(message.reason, LONGEST_DETAIL)
    if message.kind == "bundle":
        return "Several incidents began at once. They are told together so that none of them drowns another."
    if message.kind == "digest":
        return "The pager was down, and these pages are late. Only incidents that are still open are listed."
    service = plain_text(message.service, 60)
    where = f" on {service}" if service else ""
    if message.kind == "status":
        return f"Incident #{message.number}{where} is {message.status}."
    level = f", level {message.level}" if message.level else ""
    return f"A {message.urgency} urgency incident{where} needs you{level}."


def _facts(message: Message) -> list[tuple[str, str]]:
    facts = []
    if message.kind in {"page", "status"}:
        facts.append(("Incident", f"#{message.number}, {message.status}, {message.urgency} urgency"))
        facts.append(("Service", plain_text(message.service)))
    if message.created_at is not None:
        facts.append(("Began", moment(message.created_at, message.time_zone)))
    facts.append(("Sent", moment(message.sent_at, message.time_zone)))
    details = [(plain_text(name, 60), plain_text(value, LONGEST_DETAIL)) for name, value in message.details]
    return [(name, value) for name, value in facts if value] + details[:MOST_DETAILS]


def _address(url: str) -> str:
    """Return an address escaped but with its slashes, which the templates' own escaping would write as numbers."""
    return safe(escape(url))


@cache
def _templates() -> Environment:
    return Environment(
        templates={"letter.txt": _PLAIN_PAGE, "letter.html": _HTML_PAGE},
        trim_blocks=True,
        lstrip_blocks=True,
        auto_escape_callback=lambda name: name.endswith(".html"),
        filters={"address": _address},
    )


_PLAIN_PAGE = """\
{{ title }}

{{ lead }}
{% if reason %}
{{ reason }}
{% endif %}
{% if repeat %}

{{ repeat }}
{% endif %}
{% if acknowledge_url %}

Acknowledge: {{ acknowledge_url }}
{% endif %}
{% if resolve_url %}
Resolve:     {{ resolve_url }}
{% endif %}
{% if url %}
{% if not acknowledge_url and not resolve_url %}

{% endif %}
Open:        {{ url }}
{% endif %}
{% if lines %}

{% for line in lines %}
{{ line.name }} {{ line.said }}
    {{ line.url }}
{% endfor %}
{% if further %}
{{ further }}
{% endif %}
{% endif %}

{% for fact in facts %}
{{ fact[0] }}: {{ fact[1] }}
{% endfor %}
"""

# Styles stand inline, for programs that drop <style>, and again in a dark variant for those that honour it. Only
# tables, colours with enough contrast in both schemes, no picture, no font and no address other than our own links.
_HTML_PAGE = """\
<!doctype html>
<html lang="{{ locale }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{{ headline }}</title>
<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .sheet { background: #14171c !important; color: #e8eaed !important; }
  .card { background: #1d2127 !important; border-color: #343a43 !important; }
  .quiet { color: #a9b1bb !important; }
  .link { color: #8ab8ff !important; }
}
</style>
</head>
<body class="sheet" style="margin:0;padding:0;background:#f4f5f7;color:#16191d;">
<div style="display:none;max-height:0;overflow:hidden;">{{ lead }}</div>
<table role="presentation" class="sheet" width="100%" cellpadding="0" cellspacing="0"
 style="background:#f4f5f7;color:#16191d;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif;">
<tr><td align="center" style="padding:16px 8px;">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0"
 style="max-width:560px;background:#ffffff;border:1px solid #d9dde3;border-radius:8px;">
<tr><td style="height:6px;line-height:6px;font-size:0;border-radius:8px 8px 0 0;
background:{{ "#c62828" if high else "#5b6b7d" }};">&nbsp;</td></tr>
<tr><td style="padding:20px;">
<h1 dir="auto" style="margin:0 0 8px;font-size:20px;line-height:1.3;overflow-wrap:anywhere;">{{ title }}</h1>
<p style="margin:0 0 8px;">{{ lead }}</p>
{% if reason %}
<p class="quiet" style="margin:0 0 8px;color:#4d5661;">{{ reason }}</p>
{% endif %}
{% if repeat %}
<p style="margin:0 0 8px;"><strong>{{ repeat }}</strong></p>
{% endif %}
{% if acknowledge_url %}
<p style="margin:16px 0 8px;"><a href="{{ acknowledge_url|address }}"
 style="display:block;padding:14px 16px;border-radius:6px;
background:#1257b8;color:#ffffff;font-weight:600;text-align:center;text-decoration:none;">Acknowledge</a></p>
{% endif %}
{% if resolve_url %}
<p style="margin:0 0 8px;"><a href="{{ resolve_url|address }}"
 style="display:block;padding:12px 16px;border-radius:6px;
background:#3d4a59;color:#ffffff;text-align:center;text-decoration:none;">Resolve</a></p>
{% endif %}
{% if url %}
<p style="margin:0 0 8px;"><a class="link" href="{{ url|address }}" style="color:#1257b8;">Open in Tocsin</a></p>
{% endif %}
{% if lines %}
<ul style="margin:12px 0;padding-left:20px;">
{% for line in lines %}
<li dir="auto" style="margin:0 0 6px;overflow-wrap:anywhere;"><a class="link" href="{{ line.url|address }}"
 style="color:#1257b8;">{{ line.name }}</a> {{ line.said }}</li>
{% endfor %}
{% if further %}
<li>{{ further }}</li>
{% endif %}
</ul>
{% endif %}
<table role="presentation" class="quiet" cellpadding="0" cellspacing="0"
 style="margin-top:12px;color:#4d5661;font-size:14px;">
{% for fact in facts %}
<tr><td valign="top" style="padding:2px 12px 2px 0;">{{ fact[0] }}</td>
<td dir="auto" style="padding:2px 0;overflow-wrap:anywhere;">{{ fact[1] }}</td></tr>
{% endfor %}
</table>
{% if acknowledge_url %}
<p class="quiet" style="margin:16px 0 0;color:#4d5661;font-size:13px;overflow-wrap:anywhere;">If the buttons do not
work, open one of these addresses.<br>Acknowledge: {{ acknowledge_url|address }}
{% if resolve_url %}
<br>Resolve: {{ resolve_url|address }}
{% endif %}
</p>
{% endif %}
</td></tr></table>
</td></tr></table>
</body>
</html>
"""
