class CampaignError(Exception):
    """What this app refuses to do, in words a marketer can act on."""


class CampaignNotReady(CampaignError):
    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class ChangeRefused(CampaignError):
    """A change of the rules that names what is not there, or cannot be read."""


class NeedsApproval(CampaignNotReady):
    """A launch that a second person has to approve first, in exactly this content."""

    def __init__(self, sentence: str) -> None:
        super().__init__([sentence])


class ApprovalRefused(CampaignError):
    """An approval that cannot be requested, given, refused or taken back."""
