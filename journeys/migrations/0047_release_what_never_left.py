from django.db import migrations

# Ids above all contacts: no run of before has seen these releases, and their replays do not.
RELEASE = """
INSERT INTO journeys_release
    (id, contact_id, as_of, customer_id, action_id, released_at, reason_code)
SELECT nextval(pg_get_serial_sequence('journeys_contact', 'id')), d.contact_id, d.as_of,
       d.customer_id, d.action_id, now(), coalesce(d.reason_code, 99)
FROM journeys_delivery d
WHERE d.status IN ('failed', 'suppressed')
ON CONFLICT (contact_id) DO NOTHING
"""


class Migration(migrations.Migration):
    """Messages that were stopped before there were releases no longer count as contacts."""

    dependencies = [("journeys", "0046_releases")]
    operations = [migrations.RunSQL(RELEASE, migrations.RunSQL.noop)]
