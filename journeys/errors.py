from uuid import UUID

from django.utils.translation import gettext as _

from journeys.decision_version import DECISION_VERSION, RELEASES


class JourneyError(Exception):
    """What this app refuses to do, in words an operator can act on."""


class StaleState(JourneyError):
    """The customers' state of the day is missing: the freshness gate is closed."""


class LeaseLost(JourneyError):
    """Another worker took the chunk over; what was decided here is not kept."""


class SignUpRefused(JourneyError):
    """Nobody can sign up in this way."""


class RunRefused(JourneyError):
    """The day cannot be run now."""


class OtherDecisionVersion(JourneyError):
    """Other numerics decided this run: computed by ours, it would come out differently."""

    def __init__(self, version: int) -> None:
        text = _(
            "Decided by decision version %(version)d; this release decides by version %(own)d."
        ) % {"version": version, "own": DECISION_VERSION}
        if release := RELEASES.get(version):
            text += " " + _("To replay it, use release %s.") % release
        else:
            text += " " + _("To replay it, use a newer release.")
        super().__init__(text)


class DeliveryNotUnclear(JourneyError):
    """Only what is unknown can be settled."""

    def __init__(self, key: UUID, status: str) -> None:
        text = _("Delivery %(key)s is “%(status)s”. Only unknown deliveries can be marked by hand.")
        super().__init__(text % {"key": key, "status": status})
        self.key = key


class MapNotReady(JourneyError):
    """A journey map that cannot be saved, launched, paused or ended as it is."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class MapNeedsApproval(MapNotReady):
    """A second person has to approve this drawing first."""


class ProofRefused(JourneyError):
    """A proof that cannot be sent as requested."""


class SendingStopped(JourneyError):
    """The global stop switch is on."""


class CallSettled(JourneyError):
    """What came of a call is said once."""

    def __init__(self, outcome: str) -> None:
        super().__init__(_("This call already has a result: %s.") % outcome)
