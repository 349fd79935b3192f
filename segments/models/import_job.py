from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ImportJob(models.Model):
    """One file that was, is or will be imported, and what became of its rows."""

    class Kind(models.TextChoices):
        CUSTOMERS = "customers", _("customers")
        EVENTS = "events", _("events")
        CONTACTS = "contacts", _("contact history")
        SUPPRESSIONS = "suppressions", _("suppression list")

    class Mode(models.TextChoices):
        CREATE = "create", _("create only")
        UPDATE = "update", _("update only")
        UPSERT = "upsert", _("create and update")

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        UNDOING = "undoing", _("being undone")
        UNDONE = "undone", _("undone")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    mode = models.CharField(_("mode"), max_length=6, choices=Mode, default=Mode.UPSERT)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.WAITING)
    file_name = models.CharField(_("file"), max_length=255)
    path = models.CharField(_("path"), max_length=500, editable=False)
    sha256 = models.CharField(max_length=64, editable=False)
    encoding = models.CharField(_("encoding"), max_length=20, blank=True)
    dialect = models.JSONField(_("dialect"), default=dict, blank=True)
    mapping = models.JSONField(
        _("columns"), default=dict, blank=True, help_text=_("Our field → the file's column.")
    )
    options = models.JSONField(
        _("options"),
        default=dict,
        blank=True,
        help_text=_("How cells are read and which rows are created."),
    )
    source = models.CharField(_("source"), max_length=40, default="file")
    n_bytes = models.BigIntegerField(_("bytes"), default=0)
    n_bytes_read = models.BigIntegerField(_("bytes read"), default=0)
    n_rows = models.BigIntegerField(_("rows"), default=0)
    n_created = models.BigIntegerField(_("created"), default=0)
    n_updated = models.BigIntegerField(_("updated"), default=0)
    n_unchanged = models.BigIntegerField(_("unchanged"), default=0)
    n_rejected = models.BigIntegerField(_("rejected"), default=0)
    n_left_out = models.BigIntegerField(
        _("left out"),
        default=0,
        db_default=0,
        help_text=_("Rows excluded by the value of a column."),
    )
    n_waiting = models.BigIntegerField(
        _("waiting"),
        default=0,
        db_default=0,
        help_text=_("Rows of customers who are not known yet. They are stored once they are."),
    )
    n_kept_withdrawn = models.BigIntegerField(
        _("kept withdrawn"),
        default=0,
        help_text=_("Rows with a yes for a consent that was withdrawn later or by the customer."),
    )
    n_warnings = models.BigIntegerField(
        _("warnings"),
        default=0,
        help_text=_("Cells that could not be read, in rows that were imported without them."),
    )
    warnings = models.JSONField(
        _("warnings by column"),
        default=list,
        blank=True,
        help_text=_("Per column: number of cells, and the first of them."),
    )
    rejected_path = models.CharField(max_length=500, blank=True, editable=False)
    error = models.TextField(_("error"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("created at"))
    file_made_at = models.DateTimeField(
        _("file made at"),
        null=True,
        blank=True,
        help_text=_("What the file says about consents counts as said at this time."),
    )
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    stored_at = models.DateTimeField(
        null=True, editable=False, help_text=_("The moment that its rows are stored under.")
    )
    marks = models.JSONField(
        default=dict,
        editable=False,
        help_text=_("The last numbers that were drawn before the rows were stored, and after."),
    )
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("undone by"),
    )

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        permissions = [("undo_importjob", _("Can undo imports"))]
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(status="done")
                | models.Q(
                    n_rows=models.F("n_created")
                    + models.F("n_updated")
                    + models.F("n_unchanged")
                    + models.F("n_rejected")
                    + models.F("n_left_out")
                    + models.F("n_waiting")
                ),
                name="import_accounts_for_every_row",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.get_kind_display()})"
