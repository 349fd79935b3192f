class SegmentError(Exception):
    """What this app refuses to do, in words a marketer can act on."""


class ImportRefused(SegmentError):
    """A whole file cannot be imported; single bad rows never raise this."""


class SplitRefused(SegmentError):
    """A micro-segment cannot be split, or a split cannot be undone."""
