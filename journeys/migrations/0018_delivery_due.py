"""When a message may leave, and until when: moments of their own, no longer in the lease."""

from datetime import UTC, datetime

from django.db import migrations, models

WAITS = "WHERE status IN ('new', 'claimed')"
OPEN = "WHERE status IN ('new', 'claimed', 'attempting')"


class Migration(migrations.Migration):
    dependencies = [("journeys", "0017_contacts_counted_by_caps")]

    operations = [
        migrations.AddField(
            "delivery",
            "due_at",
            models.DateTimeField(
                # Of what is there already: due at once, unless 0019 finds it put off.
                default=datetime(2000, 1, 1, tzinfo=UTC),
                help_text="Not before: planned, held by a limit, or to be tried again then.",
                verbose_name="due at",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "delivery",
            "expires_at",
            models.DateTimeField(
                blank=True,
                help_text="Later it is not sent. Empty: never.",
                null=True,
                verbose_name="expires at",
            ),
        ),
        migrations.AddField(
            "delivery",
            "attempted_at",
            models.DateTimeField(blank=True, null=True, verbose_name="last attempt at"),
        ),
        migrations.AlterField(
            "delivery",
            "lease_until",
            models.DateTimeField(
                blank=True,
                help_text="While claimed or attempting: its owner's.",
                null=True,
                verbose_name="lease until",
            ),
        ),
        migrations.RunSQL(
            [
                "DROP INDEX journeys_delivery_channel_id_idx",
                "CREATE INDEX journeys_delivery_due ON journeys_delivery (channel, due_at, id) "
                + WAITS,
            ],
            [
                "DROP INDEX journeys_delivery_due",
                "CREATE INDEX journeys_delivery_channel_id_idx ON journeys_delivery (channel, id) "
                + OPEN,
            ],
        ),
    ]
