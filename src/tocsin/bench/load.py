"""Load: events sent as fast as answers come, or at a steady pace that does not wait for answers."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from tocsin.bench.line import Line, open_lines
from tocsin.ground import clock

OK_FROM, OK_BELOW = 200, 300
_PATIENCE_S = 30.0  # for the last answers of a load


class Load(Struct):
    """What became of a load: durations of the good answers in seconds, and how many of each other status there were."""

    seconds: float
    accepted: int
    p50_ms: float
    p99_ms: float
    refused: dict[int, int]

    @property
    def per_second(self) -> float:
        """Good answers in a second."""
        return self.accepted / self.seconds if self.seconds else 0.0


class Answer(Struct):
    """One request of a paced load: when it was due, when it was answered, and how; instants are `clock.seconds`."""

    due: float
    answered: float
    status: int

    @property
    def good(self) -> bool:
        """Whether it was accepted."""
        return OK_FROM <= self.status < OK_BELOW


async def closed(port: int, requests: Iterator[bytes], *, connections: int, until: Callable[[], bool]) -> list[Answer]:
    """Keep every connection busy with the next request until `until` says so or there are no more of them."""
    lines = await open_lines(port, connections)
    done: list[Answer] = []
    idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    busy = len(lines)

    def step(line: Line) -> None:
        nonlocal busy
        wanted = None if until() else next(requests, None)
        if wanted is None:
            busy -= 1
            if not busy:
                idle.set_result(None)
            return
        due = clock.seconds()

        def answered(status: int, _body: bytes) -> None:
            done.append(Answer(due, clock.seconds(), status))
            if status:
                step(line)
            else:
                leave()

        line.send(wanted, answered)

    def leave() -> None:
        nonlocal busy
        busy -= 1
        if not busy:
            idle.set_result(None)

    try:
        for line in lines:
            step(line)
        await idle
    finally:
        for line in lines:
            line.close()
    return done


async def paced(port: int, requests: Sequence[bytes], *, per_second: float, connections: int = 64) -> list[Answer]:
    """Send each request at its instant, whether or not earlier ones were answered; return them in order.

    A request that finds no free connection waits for one, and that wait counts: nothing is hidden by a slow answer.
    """
    free = deque(await open_lines(port, connections))
    everything = tuple(free)
    answers: list[Answer] = []
    waiting: deque[tuple[bytes, Answer]] = deque()
    left = len(requests)
    finished = asyncio.Event()

    def send(line: Line, wanted: bytes, answer: Answer) -> None:
        def answered(status: int, _body: bytes) -> None:
            nonlocal left
            answer.answered, answer.status = clock.seconds(), status
            left -= 1
            if not left:
                finished.set()
            if waiting:
                send(line, *waiting.popleft())
            else:
                free.append(line)

        line.send(wanted, answered)

    began = clock.seconds()
    for number, wanted in enumerate(requests):
        due = began + number / per_second
        ahead = due - clock.seconds()
        if ahead > 0:
            await asyncio.sleep(ahead)
        answer = Answer(due, 0.0, 0)
        answers.append(answer)
        if free:
            send(free.popleft(), wanted, answer)
        else:
            waiting.append((wanted, answer))
    try:
        async with asyncio.timeout(_PATIENCE_S):
            if left:
                await finished.wait()
    finally:
        for line in everything:
            line.close()
    return answers


def refusals(answers: Sequence[Answer]) -> dict[int, int]:
    """Return how many answers were not good, by status; 0 stands for a broken connection."""
    return dict(Counter(each.status for each in answers if not each.good))
