"""What was put off until its lease ended is due then."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("journeys", "0018_delivery_due")]

    operations = [
        migrations.RunSQL(
            "UPDATE journeys_delivery SET due_at = lease_until, lease_until = NULL "
            "WHERE status = 'new' AND lease_until IS NOT NULL",
            "UPDATE journeys_delivery SET lease_until = due_at WHERE status = 'new'",
        ),
    ]
