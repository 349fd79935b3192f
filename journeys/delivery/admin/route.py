"""By which way the messages of each channel leave."""

from django.contrib import admin

from journeys.delivery.admin.send_test import SendsTests
from journeys.models import ChannelRoute


@admin.register(ChannelRoute)
class ChannelRouteAdmin(SendsTests):
    list_display = ["channel", "transport", "endpoint", "target", "is_open", "max_per_minute"]
    list_select_related = ["endpoint", "target"]

    def route_of(self, row: ChannelRoute) -> tuple[str, int | None]:
        return row.transport, row.peer_id
