"""A loop that rests for a minute on purpose is not stalled; one that should have come round is."""

from datetime import timedelta

from tocsin.engine.watch import Watch


def test_a_loop_may_rest_as_long_as_it_said() -> None:
    watch = Watch()
    watch.beat("keeper")
    watch.beat("coverage", pause_s=60)
    assert watch.stalled(timedelta(seconds=-1)) == ["keeper"], "a second ago is too long for one that never rests"
    watch.beat("coverage", pause_s=-40)
    assert watch.stalled(timedelta(seconds=30)) == ["coverage"]
