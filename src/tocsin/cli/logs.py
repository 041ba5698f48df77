"""Logs: lines of JSON on standard error for machines, readable ones for a person at a terminal."""

import logging
import sys

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def write_logs(level: str) -> None:
    """Write what the rooms report from this level on to standard error, and what libraries warn of."""
    terminal = sys.stderr.isatty()
    shown: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if terminal:
        shown.append(structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback))
    else:
        # Never with local variables: a frame may hold a token.
        traces = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        shown.append(structlog.processors.ExceptionRenderer(traces))
        shown.append(structlog.processors.JSONRenderer())
    structlog.configure(
        processors=shown,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


class _Libraries(logging.Handler):
    """Passes on what libraries warn of, so that there is one form of log lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one report of a library."""
        structlog.get_logger(record.name).log(record.levelno, record.getMessage())


def be_quiet() -> None:
    """Write only errors: for commands whose own words are what counts."""
    write_logs("error")
