class SegmentError(Exception):
    """What this app refuses to do, in words a marketer can act on."""


class ImportRefused(SegmentError):
    """A whole file cannot be imported; single bad rows never raise this."""


class AddressRefused(SegmentError):
    """An address cannot be suppressed."""


class CustomerRefused(SegmentError):
    """A customer cannot be written."""


class SplitRefused(SegmentError):
    """A micro-segment cannot be split, or a split cannot be undone."""


class MergeRefused(SegmentError):
    """Two customers cannot be merged, or a merge cannot be undone."""
