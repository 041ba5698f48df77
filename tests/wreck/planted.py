"""A planted fault: this program answers 202 before the event is stored, and the crash test must find it out."""

import asyncio

from tocsin.__main__ import main
from tocsin.engine.accept import accept
from tocsin.engine.accept.write import Waiting, Writer


class HastyWriter(Writer):
    """Answers at once and stores when it gets round to it."""

    def add(self, waiting: Waiting) -> None:
        """Say that the event is stored although it is not."""
        waiting.answer.set_result(None)
        unheard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        super().add(
            Waiting(
                waiting.lane,
                waiting.integration_id,
                waiting.kind,
                waiting.body,
                waiting.busy,
                waiting.since,
                unheard,
            )
        )


if __name__ == "__main__":
    vars(accept)["Writer"] = HastyWriter  # the point of this file is a program that breaks its promise
    main()
