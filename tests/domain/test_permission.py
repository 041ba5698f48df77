"""Permissions: every role, verb and kind of thing, held against what the documents and our decisions say."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.people.actor import SYSTEM, Actor, ActorKind, integration_actor
from tocsin.domain.people.permission import (
    FAMILY_OF_KIND,
    NEEDED,
    OWN,
    Family,
    Subject,
    Verb,
    family,
    grade,
    may,
    may_grant,
)
from tocsin.domain.people.role import GRADE_OF_ROLE, GRADE_OF_TEAM_ROLE, STAKEHOLDERS, TEAM_BOUND, Role, TeamRole

KINDS = [*FAMILY_OF_KIND, "something nobody has named yet"]
WRITES = [verb for verb in Verb if verb is not Verb.READ]


def person(role: Role, *, teams: dict[str, TeamRole] | None = None, read_only: bool = False) -> Actor:
    return Actor(kind="user", id="U1", name="Bo", role=role, team_roles=teams or {}, read_only=read_only)


actors = some.builds(
    Actor,
    kind=some.sampled_from(["user", "token"]),
    id=some.just("U1"),
    name=some.just("Bo"),
    role=some.sampled_from(list(Role)),
    team_roles=some.dictionaries(some.sampled_from(["T1", "T2"]), some.sampled_from(list(TeamRole))),
    read_only=some.booleans(),
)
subjects = some.builds(
    Subject,
    kind=some.sampled_from(KINDS),
    team_id=some.sampled_from([None, "T1", "T2", "T3"]),
    owner_id=some.sampled_from([None, "U1", "U2"]),
)


@pytest.mark.parametrize("role", Role)
def test_every_role_is_what_the_table_says(role: Role) -> None:
    for verb, kind in product(Verb, KINDS):
        needed = NEEDED[family(kind)].get(verb)
        allowed = may(person(role), verb, Subject(kind))
        assert allowed == (needed is not None and GRADE_OF_ROLE[role] >= needed), (verb, kind)


@pytest.mark.parametrize("team_role", TeamRole)
def test_a_team_role_counts_in_its_team_only(team_role: TeamRole) -> None:
    bound = person(Role.RESTRICTED_ACCESS, teams={"T1": team_role})
    stranger = person(Role.RESTRICTED_ACCESS)
    for verb, kind in product(Verb, KINDS):
        needed = NEEDED[family(kind)].get(verb)
        inside = needed is not None and GRADE_OF_TEAM_ROLE[team_role] >= needed
        if (family(kind), verb) == (Family.TEAM, Verb.DELETE):
            inside = False
        assert may(bound, verb, Subject(kind, team_id="T1")) == (inside or may(stranger, verb, Subject(kind)))
        for elsewhere in ("T2", None):
            assert may(bound, verb, Subject(kind, team_id=elsewhere)) == may(stranger, verb, Subject(kind))


STORIES = [
    (Role.OWNER, Verb.MANAGE_TOKENS, "token", True),
    (Role.ADMIN, Verb.CREATE, "user", True),
    (Role.USER, Verb.CREATE, "user", False),
    (Role.USER, Verb.DELETE, "service", True),
    (Role.USER, Verb.MANAGE_TOKENS, "token", False),
    (Role.LIMITED_USER, Verb.RESPOND, "incident", True),
    (Role.LIMITED_USER, Verb.CREATE, "maintenance_window", True),
    (Role.LIMITED_USER, Verb.CREATE, "override", True),
    (Role.LIMITED_USER, Verb.UPDATE, "service", False),
    (Role.OBSERVER, Verb.READ, "incident", True),
    (Role.OBSERVER, Verb.RESPOND, "incident", False),
    (Role.OBSERVER, Verb.READ, "contact_method", False),
    (Role.RESTRICTED_ACCESS, Verb.READ, "service", False),
    (Role.RESTRICTED_ACCESS, Verb.READ, "priority", True),
    (Role.READ_ONLY_USER, Verb.READ, "incident", True),
    (Role.READ_ONLY_USER, Verb.CREATE, "note", False),
    (Role.READ_ONLY_LIMITED_USER, Verb.READ, "incident", False),
    (Role.USER, Verb.READ, "audit", False),
    (Role.ADMIN, Verb.READ, "audit", True),
    (Role.OWNER, Verb.DELETE, "incident", False),
    (Role.OWNER, Verb.DELETE, "log_entry", False),
]


@pytest.mark.parametrize(("role", "verb", "kind", "allowed"), STORIES)
def test_what_the_documents_promise(role: Role, verb: Verb, kind: str, *, allowed: bool) -> None:
    assert may(person(role), verb, Subject(kind)) is allowed


@given(actors, subjects, some.sampled_from(WRITES))
def test_who_only_reads_never_writes(actor: Actor, subject: Subject, verb: Verb) -> None:
    if actor.read_only:
        assert not may(actor, verb, subject)


@given(actors, subjects, some.sampled_from(list(Verb)), some.sampled_from(list(TeamRole)))
def test_a_team_role_only_raises(actor: Actor, subject: Subject, verb: Verb, team_role: TeamRole) -> None:
    bare = Actor(kind=actor.kind, id=actor.id, name=actor.name, role=actor.role, read_only=actor.read_only)
    raised = Actor(
        kind=actor.kind, id=actor.id, name="Bo", role=actor.role, read_only=actor.read_only,
        team_roles={"T1": team_role},
    )  # fmt: skip
    assert may(raised, verb, subject) >= may(bare, verb, subject)


@given(subjects, some.sampled_from(list(Verb)), some.sampled_from(sorted(STAKEHOLDERS)), some.sampled_from(TeamRole))
def test_a_stakeholder_is_never_lifted_above_seeing(s: Subject, verb: Verb, role: Role, team_role: TeamRole) -> None:
    lifted = person(role, teams={"T1": team_role, "T2": team_role})
    if verb is not Verb.READ and s.owner_id != "U1":
        assert not may(lifted, verb, s)


@given(actors, subjects)
def test_whoever_may_change_may_also_look(actor: Actor, subject: Subject) -> None:
    changing = {verb for verb in WRITES if may(actor, verb, subject)} - {Verb.CREATE}
    if changing:
        assert may(actor, Verb.READ, subject)


@given(some.sampled_from(list(Role)), some.booleans())
def test_whoever_is_paged_may_answer(role: Role, in_team: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
    subject = Subject("incident", team_id="T9" if in_team else None, owner_id="U1")
    assert may(person(role), Verb.RESPOND, subject)
    assert may(person(role), Verb.READ, subject)
    assert not may(person(role, read_only=True), Verb.RESPOND, subject)


@pytest.mark.parametrize("verb", Verb)
def test_what_is_ones_own(verb: Verb) -> None:
    nobody = person(Role.RESTRICTED_ACCESS)
    for kind in KINDS:
        mine, theirs = Subject(kind, owner_id="U1"), Subject(kind, owner_id="U2")
        allowed_anyway = may(nobody, verb, theirs)
        assert may(nobody, verb, mine) == (allowed_anyway or verb in OWN.get(family(kind), frozenset()))


@pytest.mark.parametrize("verb", Verb)
def test_the_product_may_everything_and_an_integration_only_incidents(verb: Verb) -> None:
    sent = integration_actor("P1", "Alertmanager")
    for kind in KINDS:
        assert may(SYSTEM, verb, Subject(kind, team_id="T1"))
        expected = family(kind) is Family.INCIDENT and verb in (Verb.CREATE, Verb.UPDATE, Verb.RESPOND)
        assert may(sent, verb, Subject(kind)) == expected


def test_a_token_of_the_account_owns_nothing_by_chance_of_its_id() -> None:
    token = Actor(kind="token", id="U1", name="CI", role=Role.OBSERVER)
    assert not may(token, Verb.RESPOND, Subject("incident", owner_id="U1"))


@given(actors)
def test_the_horizon_holds_exactly_the_teams_of_the_bound(actor: Actor) -> None:
    if actor.role in TEAM_BOUND:
        assert actor.horizon == sorted(actor.team_roles)
        assert all(grade(actor, team) > 0 for team in actor.team_roles)
    else:
        assert actor.horizon is None


@pytest.mark.parametrize("kind", ["system", "integration"])
def test_machines_have_no_horizon(kind: ActorKind) -> None:
    assert Actor(kind=kind, id="x", name="x", role=Role.RESTRICTED_ACCESS).horizon is None


def test_only_an_owner_makes_or_unmakes_an_owner() -> None:
    for role in Role:
        assert may_grant(person(Role.OWNER), role, Role.OWNER)
        assert not may_grant(person(Role.ADMIN), role, Role.OWNER)
        assert not may_grant(person(Role.ADMIN), Role.OWNER, role)
        assert not may_grant(person(Role.USER), None, role)
        assert not may_grant(person(Role.OWNER, read_only=True), None, role)
        assert may_grant(SYSTEM, None, role)
    assert may_grant(person(Role.ADMIN), None, Role.ADMIN)
    assert may_grant(person(Role.ADMIN), Role.USER, Role.OBSERVER)
