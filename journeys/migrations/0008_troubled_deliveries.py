"""Finding the few deliveries that are unclear or failed among millions that were sent."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("journeys", "0007_value_help")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX journeys_delivery_troubled ON journeys_delivery (status, as_of) "
            "WHERE status IN ('unknown', 'failed')",
            "DROP INDEX journeys_delivery_troubled",
        ),
    ]
