from django.db import migrations

from optiengine.lib.partitions import partition_by_month

OPEN = "status IN ('new', 'claimed', 'attempting')"
TABLES = [
    ("journeys_decision", [["run_id", "customer_id"]], ["(customer_id, as_of)"]),
    (
        "journeys_contact",
        [["key"]],
        ["(customer_id, reserved_at)", "(campaign_id, as_of)", "(as_of)"],
    ),
    ("journeys_outcome", [["contact_id"]], ["(measured_on)"]),
    (
        "journeys_delivery",
        [["key"], ["contact_id"]],
        [f"(channel, id) WHERE {OPEN}", "(customer_id)"],
    ),
]


class Migration(migrations.Migration):
    dependencies = [("journeys", "0001_initial")]
    operations = [
        migrations.RunSQL(
            partition_by_month(table, "as_of", unique=unique, indexes=indexes),
            migrations.RunSQL.noop,
        )
        for table, unique, indexes in TABLES
    ]
