"""What a run is decided by, ready for use: rules, model, scaling, the same for all its chunks."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.rulebook import Rulebook
from journeys.decisions.capacity_accounts import Capacity
from journeys.decisions.load_history import HistoryQuery
from journeys.decisions.numerics.choice import has_minimum_evidence
from journeys.learning.numerics.design import FeatureScaling
from journeys.learning.numerics.uplift import Prediction, UpliftModel
from journeys.models import DecisionRun
from segments.models import Organisation
from segments.state.load_batch import CustomerBatch
from segments.state.split_segment import ancestors, nearest_known

MINIMUM = ("min_test", "min_test_responders", "min_control", "min_control_responders")


@dataclass(frozen=True)
class RunInputs:
    """What a run was started with, ready for use: the same for all its chunks."""

    run: DecisionRun
    book: Rulebook
    scaling: FeatureScaling
    model: UpliftModel | None  # None where nothing at all is known of actions
    columns: NDArray[np.int64]  # (A,) the model's column of each action, -1 for a newer one
    evidence_ok: NDArray[np.bool_]  # (A,)
    parents: Mapping[int, int]  # of micro-segments: what a leaf was split off
    time_zone: str
    capacity: Capacity | None  # None without budgets and volume limits

    @cached_property
    def history(self) -> HistoryQuery:
        """What its rulebook asks about earlier contacts."""
        return HistoryQuery.of(self.book, as_sent=self.run.kind == DecisionRun.Kind.LIVE)


@lru_cache(maxsize=4)
def pinned_inputs(run_id: int) -> RunInputs:
    """The pinned inputs of a started run; they never change, so a worker reads them once."""
    return load_inputs(DecisionRun.objects.select_related("state", "model__scaling").get(pk=run_id))


def load_inputs(run: DecisionRun) -> RunInputs:
    assert run.model is not None
    book = Rulebook.from_json(run.rulebook)
    return inputs_under(run, book, Capacity.of(run, book))


def inputs_under(run: DecisionRun, book: Rulebook, capacity: Capacity | None) -> RunInputs:
    """The inputs of a run under some rules; the run need not be stored."""
    assert run.model is not None
    model = UpliftModel.from_bytes(bytes(run.model.payload)) if run.model.payload else None
    evidence = np.array(
        [run.model.evidence.get(str(action.id), [0, 0, 0, 0]) for action in book.actions]
    ).reshape(-1, 4)
    return RunInputs(
        run=run,
        book=book,
        scaling=FeatureScaling.from_fitted(run.model.scaling.fitted),
        model=model,
        columns=_columns(model.action_keys_, book.action_ids) if model else np.zeros(0, int),
        evidence_ok=has_minimum_evidence(
            *evidence.T,
            **dict(zip(MINIMUM, book.minimum_evidence.T, strict=True)),
        ),
        parents=ancestors(),
        time_zone=Organisation.current().time_zone,
        capacity=capacity,
    )


def predict_uplift(inputs: RunInputs, batch: CustomerBatch) -> Prediction:
    """Uplift of every action of the rulebook for every customer of the batch."""
    if inputs.model is None:  # what there is came since the morning: nothing for it or against it
        nothing = np.zeros((len(batch), len(inputs.book.actions)))
        return Prediction(nothing, np.ones_like(nothing), nothing, nothing)
    leaves = nearest_known(batch.micro_segment_ids, inputs.model.segment_ids_, inputs.parents)
    design = inputs.scaling.transform(batch.features)
    known = inputs.model.predict(design, leaves)
    if inputs.columns.min(initial=0) >= 0:
        return _of_columns(known, inputs.columns)
    new = inputs.model.predict_new(design)  # one column more, which -1 points to
    return _of_columns(
        Prediction(
            np.hstack([known.uplift, new.uplift]),
            np.hstack([known.sd, new.sd]),
            np.hstack([known.shared_sd, new.shared_sd]),
            np.hstack([known.response_prob, new.response_prob]),
        ),
        inputs.columns,
    )


def _of_columns(prediction: Prediction, columns: NDArray[np.int64]) -> Prediction:
    return Prediction(
        prediction.uplift[:, columns],
        prediction.sd[:, columns],
        prediction.shared_sd[:, columns],
        prediction.response_prob[:, columns],
    )


def _columns(keys: NDArray[np.int64], action_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """(A,) where each action is among a model's, -1 for one that came after it was learned."""
    column_of = {int(key): column for column, key in enumerate(keys)}
    return np.array([column_of.get(int(pk), -1) for pk in action_ids], dtype=np.int64)
