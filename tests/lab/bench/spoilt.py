"""An engine without its limits and its last look: what a checker has to see through."""

from typing import Any

import numpy as np
from django.apps import AppConfig


class SpoiltEngine(AppConfig):
    name, label = "tests.lab.bench", "spoilt_engine"

    def ready(self) -> None:
        from journeys.decisions import pipeline, save_decisions
        from journeys.delivery import begin_attempt

        pipeline.limit_verdicts = lambda book, codes, *_history, **_how: codes
        save_decisions.plan_moments = at_once
        begin_attempt.hold = lambda *_what, **_how: None
        begin_attempt.MESSAGES = begin_attempt.MESSAGES.replace(
            begin_attempt.CASES, "WHEN c.email = '' THEN 6"
        )


def at_once(chosen: Any, *, at: Any, **_how: Any) -> Any:
    return np.full(len(chosen.customer_ids), np.datetime64(at.replace(tzinfo=None), "us"))
