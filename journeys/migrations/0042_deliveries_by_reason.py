from django.db import migrations


class Migration(migrations.Migration):
    """Few deliveries have a reason: the rare ones are found among millions that were sent."""

    dependencies = [("journeys", "0041_run_decision_version")]
    operations = [
        migrations.RunSQL(
            "CREATE INDEX journeys_delivery_reason ON journeys_delivery (reason_code, id) "
            "WHERE reason_code IS NOT NULL",
            "DROP INDEX journeys_delivery_reason",
        )
    ]
