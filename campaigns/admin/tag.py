"""Tags: what campaigns have in common, for limits and topics."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from campaigns.admin.second_person import SecondPerson
from campaigns.models import Tag


@admin.register(Tag)
class TagAdmin(SecondPerson):
    actions_submit_line = []  # a tag by itself decides nothing; deleting it deletes its caps
    list_display = ["name", "is_topic", "title", "n_campaigns"]
    list_filter = ["is_topic"]
    search_fields = ["name", "title"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        return super().get_queryset(request).annotate(n_campaigns=Count("campaigns"))

    @admin.display(description=_("campaigns"), ordering="n_campaigns")
    def n_campaigns(self, tag: Tag) -> int:
        return tag.n_campaigns  # type: ignore[attr-defined]
