"""Load: events sent as fast as answers come, or at a steady pace that does not wait for answers."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from tocsin.bench.line import BROKEN, Line, open_lines
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
    try:
        return await _Closed(requests, until).run(lines)
    finally:
        for line in lines:
            line.close()


class _Closed:
    """A load whose connections each send the next request when the one before is answered."""

    def __init__(self, requests: Iterator[bytes], until: Callable[[], bool]) -> None:
        self._requests = requests
        self._until = until
        self._done: list[Answer] = []
        self._busy = 0
        self._idle = asyncio.Event()

    async def run(self, lines: Sequence[Line]) -> list[Answer]:
        self._busy = len(lines)
        for line in lines:
            self._step(line)
        await self._idle.wait()
        return self._done

    def _step(self, line: Line) -> None:
        wanted = None if self._until() else next(self._requests, None)
        if wanted is None:
            self._leave()
            return
        due = clock.seconds()

        def answered(status: int, _body: bytes) -> None:
            self._done.append(Answer(due, clock.seconds(), status))
            if status == BROKEN:
                self._leave()
            else:
                self._step(line)

        line.send(wanted, answered)

    def _leave(self) -> None:
        self._busy -= 1
        if not self._busy:
            self._idle.set()


async def paced(port: int, requests: Sequence[bytes], *, per_second: float, connections: int = 64) -> list[Answer]:
    """Send each request at its instant, whether or not earlier ones were answered; return them in order.

    A request that finds no free connection waits for one, and that wait counts: nothing is hidden by a slow answer.
    Raises `TimeoutError` when the last answers do not come.
    """
    lines = await open_lines(port, connections)
    try:
        return await _Paced(lines, len(requests)).run(requests, per_second)
    finally:
        for line in lines:
            line.close()


class _Paced:
    """A load that follows the clock."""

    def __init__(self, lines: Sequence[Line], count: int) -> None:
        self._free = deque(lines)
        self._waiting: deque[tuple[bytes, Answer]] = deque()
        self._left = count
        self._finished = asyncio.Event()

    async def run(self, requests: Sequence[bytes], per_second: float) -> list[Answer]:
        answers: list[Answer] = []
        began = clock.seconds()
        for number, wanted in enumerate(requests):
            answer = Answer(began + number / per_second, 0.0, BROKEN)
            ahead = answer.due - clock.seconds()
            if ahead > 0:
                await asyncio.sleep(ahead)
            answers.append(answer)
            if self._free:
                self._send(self._free.popleft(), wanted, answer)
            else:
                self._waiting.append((wanted, answer))
        async with asyncio.timeout(_PATIENCE_S):
            await self._finished.wait()
        return answers

    def _send(self, line: Line, wanted: bytes, answer: Answer) -> None:
        def answered(status: int, _body: bytes) -> None:
            answer.answered, answer.status = clock.seconds(), status
            self._left -= 1
            if not self._left:
                self._finished.set()
            if self._waiting:
                self._send(line, *self._waiting.popleft())
            else:
                self._free.append(line)

        line.send(wanted, answered)


def refusals(answers: Sequence[Answer]) -> dict[int, int]:
    """Return how many answers were not good, by status; 0 stands for a broken connection."""
    return dict(Counter(each.status for each in answers if not each.good))
