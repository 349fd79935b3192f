"""Why a delivery was not sent: a code with parameters. Adding both columns rewrites no row."""

from django.db import migrations, models

import journeys.models.reason


class Migration(migrations.Migration):
    dependencies = [("journeys", "0037_deliveries_of_a_day")]

    operations = [
        migrations.AddField(
            "delivery",
            "reason_code",
            models.SmallIntegerField(
                blank=True,
                choices=journeys.models.reason.reason_choices,
                help_text="Why it was not sent, waits, failed or is unclear.",
                null=True,
                verbose_name="reason",
            ),
        ),
        migrations.AddField(
            "delivery",
            "reason_params",
            models.JSONField(
                blank=True,
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                verbose_name="parameters of the reason",
            ),
        ),
    ]
