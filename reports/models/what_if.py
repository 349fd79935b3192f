from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class WhatIf(models.Model):
    """A question: what would other rules have earned? With its answer."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    changes = models.JSONField(_("changes"), help_text=_("Pairs of kind and text."))
    as_of = models.DateField(_("as of"))
    since = models.DateField(_("from"), null=True)
    until = models.DateField(_("until"), null=True)
    goal = models.ForeignKey(
        "campaigns.Goal",
        models.SET_NULL,
        related_name="+",
        null=True,
        verbose_name=_("goal"),
        help_text=_("Empty: the main goal."),
    )
    window_days = models.PositiveSmallIntegerField(_("attribution window in days"), default=14)
    status = models.CharField(_("status"), max_length=7, choices=Status, default=Status.WAITING)
    n_done = models.PositiveIntegerField(_("steps done"), default=0)
    n_steps = models.PositiveIntegerField(_("steps"), default=0)
    answer = models.JSONField(_("answer"), default=dict)
    error = models.TextField(_("error"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("what if")
        verbose_name_plural = _("what if")
        default_permissions = ("add", "view")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return "; ".join(f"{kind} {text}" for kind, text in self.changes)
