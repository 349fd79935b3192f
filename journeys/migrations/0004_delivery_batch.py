from django.db import migrations, models

TRANSPORTS = [("smtp", "e-mail server"), ("file_drop", "CSV file drop")]


class Migration(migrations.Migration):
    dependencies = [("journeys", "0003_default_routes")]
    operations = [
        migrations.AddField(
            "delivery",
            "transport",
            models.CharField(
                blank=True,
                choices=TRANSPORTS,
                db_default="",
                default="",
                help_text="What it was handed to: decides whether it may be repeated after a "
                "crash.",
                max_length=10,
                verbose_name="transport",
            ),
        ),
        migrations.AddField(
            "delivery",
            "batch",
            models.UUIDField(
                blank=True,
                help_text="What was claimed together; a repeat carries the same.",
                null=True,
                verbose_name="batch",
            ),
        ),
        migrations.AlterField(
            "delivery",
            "lease_until",
            models.DateTimeField(
                blank=True,
                help_text="While claimed or attempting: its owner's. While new: not before.",
                null=True,
                verbose_name="lease until",
            ),
        ),
        migrations.RunSQL(
            "CREATE INDEX journeys_delivery_attempting ON journeys_delivery (batch) "
            "WHERE status = 'attempting'",
            "DROP INDEX journeys_delivery_attempting",
        ),
    ]
