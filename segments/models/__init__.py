"""Who the customer is, as tables."""

from segments.models.clv_model import ClvModel
from segments.models.consent import ConsentSource, ConsentStatement, FileConsents
from segments.models.customer import Customer
from segments.models.customer_merge import CustomerMerge
from segments.models.event import Event, EventCorrection, EventKind
from segments.models.event_cursor import EventCursor
from segments.models.exchange_rate import ExchangeRate
from segments.models.feature import FeatureDefinition, FeatureSet
from segments.models.import_before import ImportBefore
from segments.models.import_job import ImportJob
from segments.models.micro_segment import (
    MicroSegment,
    Segmentation,
    SegmentMove,
    SegmentSplit,
    Stage,
)
from segments.models.organisation import Organisation
from segments.models.shared_address import SharedAddress
from segments.models.state import CustomerState, StateBuild
from segments.models.suppression import Suppression
from segments.models.target_group import TargetGroup
from segments.models.waiting_fact import WaitingFact

__all__ = [
    "ClvModel",
    "ConsentSource",
    "ConsentStatement",
    "Customer",
    "CustomerMerge",
    "CustomerState",
    "Event",
    "EventCorrection",
    "EventCursor",
    "EventKind",
    "ExchangeRate",
    "FeatureDefinition",
    "FeatureSet",
    "FileConsents",
    "ImportBefore",
    "ImportJob",
    "MicroSegment",
    "Organisation",
    "SegmentMove",
    "SegmentSplit",
    "Segmentation",
    "SharedAddress",
    "Stage",
    "StateBuild",
    "Suppression",
    "TargetGroup",
    "WaitingFact",
]
