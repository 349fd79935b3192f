class JourneyError(Exception):
    """What this app refuses to do, in words an operator can act on."""


class StaleState(JourneyError):
    """The customers' state of the day is missing: the freshness gate is closed."""


class LeaseLost(JourneyError):
    """Another worker took the chunk over; what was decided here is not kept."""
