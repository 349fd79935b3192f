"""What reached a customer lately, found by an index: the limits are asked before each message."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("journeys", "0024_messages_per_minute")]

    operations = [
        # Of what left before moments of attempts were kept: the best that is known.
        migrations.RunSQL(
            "UPDATE journeys_delivery d SET attempted_at = coalesce(d.sent_at, k.reserved_at) "
            "FROM journeys_contact k WHERE k.id = d.contact_id AND k.as_of = d.as_of "
            "AND d.attempted_at IS NULL AND d.status IN ('attempting', 'sent', 'unknown')",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            [
                "DROP INDEX journeys_delivery_customer_id_idx",
                "CREATE INDEX journeys_delivery_attempts "
                "ON journeys_delivery (customer_id, attempted_at)",
            ],
            [
                "DROP INDEX journeys_delivery_attempts",
                "CREATE INDEX journeys_delivery_customer_id_idx ON journeys_delivery (customer_id)",
            ],
        ),
    ]
