"""Web: the few pages that work in any browser without JavaScript: answering from a link, logging in, the set-up."""

from tocsin.web.answer import AnswerResult, Answers, IncidentView
from tocsin.web.serve import Pages

__all__ = ["AnswerResult", "Answers", "IncidentView", "Pages"]
