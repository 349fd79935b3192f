from django.db import migrations

from optiengine.lib.partitions import partition_by_month

UNIQUE = "journeys_decision_run_id_customer_id_as_of_key"


class Migration(migrations.Migration):
    dependencies = [("journeys", "0021_live_decisions")]
    operations = [
        # A live run decides several times for a customer; the new key comes before the old goes.
        migrations.RunSQL(
            "ALTER TABLE journeys_decision ADD UNIQUE (run_id, customer_id, occasion, as_of);"
            f"ALTER TABLE journeys_decision DROP CONSTRAINT {UNIQUE}",
            f"ALTER TABLE journeys_decision ADD CONSTRAINT {UNIQUE}"
            " UNIQUE (run_id, customer_id, as_of)",
        ),
        migrations.RunSQL(
            partition_by_month(
                "journeys_livedecision",
                "as_of",
                unique=[["decision_id"], ["request_key"]],
                indexes=["(customer_id, as_of)"],
            ),
            migrations.RunSQL.noop,
        ),
    ]
