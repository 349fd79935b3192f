from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from campaigns.models import Campaign


class CampaignField(serializers.IntegerField):
    """A campaign named by its id."""

    default_error_messages = {"unknown": _("There is no campaign with this ID.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=2**63 - 1, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        pk = super().run_validation(data)
        if not isinstance(pk, int):
            return pk
        return Campaign.objects.filter(pk=pk).first() or self.fail("unknown")
