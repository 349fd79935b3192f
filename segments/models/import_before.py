from django.db import models


class ImportBefore(models.Model):
    """What a row said before an import changed it, as long as the import can be undone."""

    class Table(models.TextChoices):
        CUSTOMER = "customer"
        EVENT = "event"
        WAITING = "waiting"

    import_job = models.ForeignKey(
        "segments.ImportJob", models.CASCADE, related_name="+", db_index=False
    )
    table = models.CharField(max_length=8, choices=Table)
    row_id = models.BigIntegerField()
    customer_id = models.BigIntegerField(null=True, db_index=True)  # whose: erased with them
    before = models.JSONField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["import_job", "table", "row_id"], name="before_import_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.import_job_id}: {self.row_id}"
