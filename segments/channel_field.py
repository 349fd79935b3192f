from collections.abc import Callable
from typing import Any

from rest_framework import serializers

from segments.channel_labels import Choices, channel_choices


class ChannelField(serializers.ChoiceField):
    """A channel in the API: one of those that there are when the serializer is made."""

    def __init__(self, among: Callable[[], Choices] = channel_choices, **kwargs: Any) -> None:
        super().__init__(choices=among(), **kwargs)
