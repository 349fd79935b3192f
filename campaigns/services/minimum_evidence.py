"""How much must be known of an action before the mix may leave even."""

from campaigns.models import MinimumEvidence
from campaigns.numerics.rulebook_entries import MINIMUM_EVIDENCE, EvidenceCounts


class MinimumEvidences:
    """The rows as they are now, read once: a campaign's own, else everybody's, else the default."""

    def __init__(self) -> None:
        self._rows = {row.campaign_id: row.counts for row in MinimumEvidence.objects.all()}

    def of(self, campaign_id: int) -> EvidenceCounts:
        """Test contacts, responders among them, control contacts, responders among them."""
        everybodys = self._rows.get(None, MINIMUM_EVIDENCE)
        return self._rows.get(campaign_id, everybodys)
