class ReportError(Exception):
    """What this app refuses to report, in words the reader can act on."""
