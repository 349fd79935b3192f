from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

UNDO_PERIOD = timedelta(days=30)


class CustomerMerge(models.Model):
    """Two records turned out to be one person: from then on, the kept one is decided for.

    What is stored under either number stays there, also what comes later under the other's ID.
    Readers join the two (segments.same_person), so past decisions replay as they were made, and
    the merge can be undone.
    """

    alias = models.ForeignKey(
        "segments.Customer", models.CASCADE, related_name="+", verbose_name=_("merged record")
    )
    kept = models.ForeignKey(
        "segments.Customer", models.CASCADE, related_name="+", verbose_name=_("kept record")
    )
    mark = models.BigIntegerField(
        help_text=_("Messages and decisions with smaller numbers were made before the merge.")
    )
    merged_at = models.DateTimeField(_("merged at"))
    merged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        verbose_name=_("merged by"),
    )
    taken_over = ArrayField(
        models.CharField(),
        verbose_name=_("details taken over"),
        default=list,
        help_text=_("Fields that were empty in the kept record and were filled from the other."),
    )
    undone_mark = models.BigIntegerField(null=True)
    undone_at = models.DateTimeField(_("undone at"), null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        verbose_name=_("undone by"),
    )

    class Meta:
        verbose_name = _("merge of customers")
        verbose_name_plural = _("merges of customers")
        default_permissions = ("view",)
        permissions = [("merge_customers", _("Can merge customers and undo merges"))]
        constraints = [
            models.UniqueConstraint(
                fields=["alias"], condition=Q(undone_mark=None), name="merged_into_one"
            ),
            models.CheckConstraint(condition=~Q(alias=F("kept")), name="merged_into_another"),
            models.CheckConstraint(
                condition=Q(undone_mark=None, undone_at=None)
                | Q(undone_mark__gt=F("mark"), undone_at__isnull=False),
                name="merge_undone_or_not",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alias} → {self.kept}"
