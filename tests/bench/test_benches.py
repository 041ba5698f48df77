"""Benches: each of them runs whole in a quick look, and says numbers that can be true; no speed is asserted."""

from __future__ import annotations

import math

import pytest

from tocsin.bench.figure import row
from tocsin.bench.main import BENCHES, Bench, run
from tocsin.bench.rounds import Plan, PromiseBroken, held
from tocsin.ground.errors import Refused

# One at a time: each starts servers and uses a core or two.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bench"), pytest.mark.timeout(180)]

COUNTS_OF_FAULTS = ("lost", "early", "called after the answer")


@pytest.mark.parametrize("bench", BENCHES, ids=lambda bench: bench.name)
async def test_a_quick_look_measures_something(bench: Bench) -> None:
    told: list[str] = []
    group = await bench.measure(Plan(rounds=1, quick=True, tell=told.append))
    assert group.name == bench.name
    assert group.figures
    assert told
    for each in group.figures:
        assert math.isfinite(each.measured), each
        assert each.lowest <= each.measured <= each.highest
        assert all(isinstance(text, str) for text in row(each))
        if each.name.endswith(COUNTS_OF_FAULTS):
            assert each.measured == 0, each
        elif not each.name.startswith("idle processor time"):  # of so short a look, often less than a tick
            assert each.measured > 0, each


def test_every_bench_has_a_name_of_its_own_and_a_sentence() -> None:
    assert len({bench.name for bench in BENCHES}) == len(BENCHES)
    assert all(bench.says for bench in BENCHES)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Refused, match="accept"):
        run(["speed"], rounds=None, quick=True, tell=lambda _line: None)


def test_an_answered_event_that_is_not_stored_is_a_broken_promise() -> None:
    held(100, 100, under_way=4)
    held(100, 104, under_way=4)
    with pytest.raises(PromiseBroken):
        held(100, 99, under_way=4)
    with pytest.raises(PromiseBroken):
        held(100, 105, under_way=4)
