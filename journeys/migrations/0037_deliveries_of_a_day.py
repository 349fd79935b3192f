from django.db import migrations


class Migration(migrations.Migration):
    """A day's messages are counted each minute, of a month's partition with millions."""

    dependencies = [("journeys", "0036_parked_travellers")]
    operations = [
        migrations.RunSQL(
            "CREATE INDEX journeys_delivery_day ON journeys_delivery (as_of)",
            "DROP INDEX journeys_delivery_day",
        )
    ]
