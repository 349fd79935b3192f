from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _


class Approval(models.Model):
    """A launch, or a change of the rules in force, that a second person looks at before it counts.

    It holds for exactly the content that it was requested for: `content_hash` is compared again
    when it is given and when it is used.
    """

    class Kind(models.TextChoices):
        CAMPAIGN = "campaign", _("campaign launch")
        MAP = "map", _("journey launch")
        RULES = "rules", _("rule change")

    class Status(models.TextChoices):
        TRIED = "tried", _("dry run only")
        WAITING = "waiting", _("waiting")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")

    class DryRun(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    object_id = models.BigIntegerField(_("subject"), null=True, help_text=_("For launches."))
    name = models.CharField(
        _("subject"), max_length=200, help_text=_("Name at the time of the request.")
    )
    changes = models.JSONField(
        _("changes"),
        default=list,
        help_text=_("For rule changes: the rows with their values before and after."),
    )
    content_hash = models.CharField(_("content"), max_length=64, editable=False)
    audience = models.PositiveIntegerField(
        _("audience"), help_text=_("Customers affected at the time of the request.")
    )
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.WAITING)
    reason = models.TextField(_("reason"), blank=True, help_text=_("Why it was withdrawn."))
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("requested by"),
    )
    requested_at = models.DateTimeField(_("requested at"))
    note = models.TextField(_("note"), blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    answer = models.TextField(_("answer"), blank=True)
    dry_run = models.JSONField(_("dry run"), default=dict)
    dry_run_status = models.CharField(
        _("dry-run status"), max_length=7, choices=DryRun, default=DryRun.WAITING
    )
    dry_run_error = models.TextField(_("dry-run error"), blank=True)
    n_done = models.PositiveIntegerField(_("steps done"), default=0)
    n_steps = models.PositiveIntegerField(_("steps"), default=0)

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        ordering = ["-pk"]
        default_permissions = ("view",)
        permissions = [("approve_approval", _("Can approve and refuse requests of other people"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="rules", object_id=None)
                | ~Q(kind="rules") & Q(object_id__isnull=False),
                name="approval_has_its_subject",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved") | ~Q(decided_by=F("requested_by")),
                name="approval_by_a_second_person",
            ),
            models.UniqueConstraint(
                fields=["kind", "object_id", "content_hash"],
                condition=Q(status="waiting"),
                nulls_distinct=False,
                name="approval_asked_for_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{capfirst(self.get_kind_display())}: {self.name}"
