from django.db import migrations

from optiengine.lib.partitions import partition_by_month


class Migration(migrations.Migration):
    dependencies = [("segments", "0001_initial")]
    operations = [
        migrations.RunSQL(
            partition_by_month(
                "segments_event",
                "occurred_at",
                unique=[["source", "external_id"]],
                indexes=["(customer_id, occurred_at)"],
            ),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            partition_by_month(
                "segments_customerstate",
                "as_of",
                unique=[["customer_id"]],
                indexes=["(as_of, customer_id)"],
            ),
            migrations.RunSQL.noop,
        ),
    ]
