from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from segments.customers.find_customer import find_customer


class CustomerField(serializers.CharField):
    """A customer named by the id of the customer's own systems, as it is written there."""

    default_error_messages = {"unknown": _("There is no customer with this ID.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=100, trim_whitespace=False, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        external_id = super().run_validation(data)
        if not isinstance(external_id, str):
            return external_id
        return find_customer(external_id) or self.fail("unknown")
