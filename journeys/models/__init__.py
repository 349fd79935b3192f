"""What we say next, as tables."""

from journeys.models.call import Call, CallResult
from journeys.models.capacity import CapacityAccount, CapacityUse
from journeys.models.contact import Contact, Outcome
from journeys.models.decision import Decision
from journeys.models.delivery import ChannelRoute, Delivery, RouteMinute
from journeys.models.evidence_cut import EvidenceCut
from journeys.models.journey_map import JourneyMap, MapVersion
from journeys.models.learning import UpliftDay, UpliftModelVersion, UpliftScaling, UpliftTotal
from journeys.models.live_decision import LiveDecision
from journeys.models.mix import ActionEvidence, MixDay, PairEvidence
from journeys.models.outcome_change import OutcomeChange
from journeys.models.peer import SftpTarget, WebhookEndpoint
from journeys.models.reason import Reason, ReasonCode, make_reason
from journeys.models.release import Release, StoppedDay
from journeys.models.run import DecisionChunk, DecisionRun
from journeys.models.sign_up import SignUp, SignUpForm
from journeys.models.split import SplitAttempt, SplitProof, SplitSearchState
from journeys.models.traveller import MapCursor, StepPassage, StepTally, Traveller
from journeys.models.waiting_trigger import WaitingTrigger

__all__ = [
    "ActionEvidence",
    "Call",
    "CallResult",
    "CapacityAccount",
    "CapacityUse",
    "ChannelRoute",
    "Contact",
    "Decision",
    "DecisionChunk",
    "DecisionRun",
    "Delivery",
    "EvidenceCut",
    "JourneyMap",
    "LiveDecision",
    "MapCursor",
    "MapVersion",
    "MixDay",
    "Outcome",
    "OutcomeChange",
    "PairEvidence",
    "Reason",
    "ReasonCode",
    "Release",
    "RouteMinute",
    "SftpTarget",
    "SignUp",
    "SignUpForm",
    "SplitAttempt",
    "SplitProof",
    "SplitSearchState",
    "StepPassage",
    "StepTally",
    "StoppedDay",
    "Traveller",
    "UpliftDay",
    "UpliftModelVersion",
    "UpliftScaling",
    "UpliftTotal",
    "WaitingTrigger",
    "WebhookEndpoint",
    "make_reason",
]
