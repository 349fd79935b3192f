"""Hillstrom's experiment as arrays: what was known of a customer, what was sent, what followed.

Source: Kevin Hillstrom, MineThatData E-Mail Analytics and Data Mining Challenge, 2008.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reports.numerics.cross_fit import LoggedChoices
from reports.numerics.off_policy import Log

Floats = NDArray[np.float64]

OPTIONS = ["No E-Mail", "Mens E-Mail", "Womens E-Mail"]  # sent to a third each
OUTCOMES = ["visit", "conversion", "spend"]
# About what the two e-mails bring on average, so that whether to send any is an open question.
COST_OF_AN_E_MAIL = {"visit": 0.05, "conversion": 0.005, "spend": 0.5}


class DataMissing(Exception):
    """The file is not where it was said to be, or is another; says so."""


@dataclass(frozen=True)
class Experiment:
    features: Floats  # (n, d)
    sent: NDArray[np.int64]  # (n,) place in OPTIONS
    outcome: dict[str, Floats]  # (n,) each

    def logged(self, outcome: str, *, cost: float = 0.0) -> LoggedChoices:
        """The log as the engine reads its own; all customers are one micro-segment."""
        n, k = len(self.sent), len(OPTIONS)
        log = Log(self.sent, np.full(n, 1 / k), self.outcome[outcome], np.ones((n, k), dtype=bool))
        return LoggedChoices(
            log,
            shares=np.full((n, k - 1), 0.5),
            segment_ids=np.zeros(n, dtype=np.int64),
            features=self.features,
            costs=np.full(k - 1, cost),
        )


def find_file(folder: Path) -> Path:
    """The experiment's file in a folder of data sets. Raises DataMissing."""
    files = sorted(folder.glob("**/*Hillstrom*.csv*"))
    if not files:
        raise DataMissing(f"No file named …Hillstrom….csv or .csv.gz in {folder}.")
    return files[0]


def read_experiment(path: Path) -> Experiment:
    """Raises DataMissing where columns or groups are not those of the experiment."""
    rows = pd.read_csv(path)
    try:
        features = np.column_stack(
            [
                rows[["recency", "history", "mens", "womens", "newbie"]].to_numpy(float),
                rows.zip_code == "Urban",
                rows.zip_code == "Rural",
                rows.channel == "Phone",
                rows.channel == "Web",
            ]
        )
        sent = pd.Categorical(rows.segment, categories=OPTIONS).codes.astype(np.int64)
        outcome = {name: rows[name].to_numpy(float) for name in OUTCOMES}
    except (KeyError, AttributeError) as error:
        raise DataMissing(f"{path} is not Hillstrom's experiment: {error}.") from None
    if (sent < 0).any():
        raise DataMissing(f"{path} is not Hillstrom's experiment: it names another e-mail.")
    return Experiment(features, sent, outcome)


def halves(sent: NDArray[np.int64], *, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to learn on and rows to value on, as many of each e-mail in both (give or take one)."""
    rng = np.random.default_rng(seed)
    groups = [rng.permutation(np.flatnonzero(sent == option)) for option in range(len(OPTIONS))]
    middle = [len(group) // 2 for group in groups]
    learn = np.concatenate([group[:m] for group, m in zip(groups, middle, strict=True)])
    value = np.concatenate([group[m:] for group, m in zip(groups, middle, strict=True)])
    return np.sort(learn), np.sort(value)
