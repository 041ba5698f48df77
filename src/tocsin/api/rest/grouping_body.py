"""Alert grouping on the wire: which alerts of a service are one incident, as clients write it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from tocsin.ground.errors import Refused, Why

_MOST_FIELDS = 50  # fields compared by one grouping; more of them never agree

Minutes = Annotated[int, Meta(ge=0, le=1440)]  # on a service the timeout is minutes; 0 is until resolved
WindowSeconds = Annotated[int, Meta(ge=300, le=86_400)]  # the longer bound is for grouping by content
FieldName = Annotated[str, Meta(min_length=1, max_length=255)]
FieldNames = Annotated[list[FieldName], Meta(max_length=_MOST_FIELDS)]

_LONGEST_LIKENESS_S = 3600  # seconds of the window of grouping by likeness
_DEFAULT_WINDOW_S = 300


class ConfigBody(Struct, omit_defaults=True):
    """What the kinds of grouping ask for; each uses its own fields."""

    timeout: Minutes | None = None
    aggregate: Literal["all", "any"] | None = None
    fields: FieldNames | None = None
    time_window: WindowSeconds | None = None
    iag_fields: FieldNames | None = None


class GroupingBody(Struct):
    """Grouping parameters; without a type there is no grouping."""

    type: Literal["time", "intelligent", "content_based"] | None = None
    config: ConfigBody | None = None

    @staticmethod
    def older(kind: Literal["time", "intelligent"], minutes: int | None) -> "GroupingBody":
        """Return what the older pair of fields means."""
        return GroupingBody(kind, ConfigBody(timeout=minutes) if kind == "time" else ConfigBody())


def grouping_of(body: GroupingBody) -> dict[str, object] | None:
    """Return the grouping as it is kept and answered, defaults filled in; raise `Refused` (invalid)."""
    config = body.config or ConfigBody()
    if body.type is None:
        return None
    if body.type == "time":
        kept = ConfigBody(timeout=config.timeout or 0)
        return {"type": "time", "config": {"timeout": kept.timeout}}
    window = config.time_window or _DEFAULT_WINDOW_S
    if body.type == "intelligent":
        return {"type": "intelligent", "config": _by_likeness(config, window)}
    if not config.fields or config.aggregate is None:
        raise Refused(Why.INVALID, "Grouping by content needs aggregate (all or any) and fields.")
    kept = ConfigBody(aggregate=config.aggregate, fields=config.fields, time_window=window)
    return {"type": "content_based", "config": msgspec.to_builtins(kept)}


def _by_likeness(config: ConfigBody, window_s: int) -> dict[str, object]:
    if window_s > _LONGEST_LIKENESS_S:
        raise Refused(Why.INVALID, f"The window of intelligent grouping is at most {_LONGEST_LIKENESS_S} seconds.")
    return {
        "time_window": window_s,
        "recommended_time_window": _DEFAULT_WINDOW_S,
        "iag_fields": config.iag_fields or ["summary"],
    }
