"""Compare addresses by what they reach: settle those that are stored, and keep what is suppressed.

In steps of their own transaction, so that neither many rows nor other writers wait for it. A step
that is repeated changes nothing. The list holds hashes of the former normal forms, which stay and
are still asked for; of customers who are known to be on it, the hash of the compared address is
added, so that other spellings of it are suppressed, too.
"""

from django.db import migrations, models

from segments.addresses import KEYS
from segments.channels import address_fields
from segments.customers.address_hash import FORMER, keyed_hasher
from segments.customers.settle_addresses import id_steps, plain_key_sql, settle_rows

KEY_COLUMNS = {column: f"{column}_key" for column in KEYS}
ADD = """
INSERT INTO segments_suppression (channel, address_hash, reason, source, since)
SELECT s.channel, n.hash, s.reason, s.source, s.since
FROM unnest(%(channels)s::text[], %(former)s::bytea[], %(new)s::bytea[]) AS n (channel, former, hash)
JOIN segments_suppression s ON s.address_hash = n.former AND s.channel = n.channel
ON CONFLICT (address_hash, channel) DO NOTHING
"""
MARK = """
UPDATE segments_customer c SET suppressed_channels =
    ARRAY(SELECT unnest(c.suppressed_channels || %(channel)s::varchar) ORDER BY 1)
WHERE c.{key} = ANY (%(keys)s) AND NOT %(channel)s = ANY (c.suppressed_channels)
"""


def settle(apps, schema_editor):
    connection = schema_editor.connection
    organisation = apps.get_model("segments", "Organisation").objects.filter(pk=1).first()
    country = _country(organisation.time_zone) if organisation else ""
    listed = {}  # by channel: compared addresses that are on the list
    with connection.cursor() as cursor:
        steps = id_steps(cursor)
    for step in steps:
        with schema_editor.connection.cursor() as cursor:
            for column, key in KEY_COLUMNS.items():
                _settle(cursor, column, key, country, step)
            for channel, keys in _keep_suppressed(cursor, step).items():
                listed.setdefault(channel, set()).update(keys)
    with connection.cursor() as cursor:
        for channel, keys in listed.items():
            statement = MARK.format(key=KEY_COLUMNS[address_fields()[channel]])
            cursor.execute(statement, {"channel": channel, "keys": sorted(keys)})


def _country(zone):
    from optiengine.lib.countries import country_of_zone

    return country_of_zone(zone)


def _settle(cursor, column, key, country, step):
    plain = plain_key_sql(column, f"c.{column}")
    within = "c.id BETWEEN %s AND %s"
    cursor.execute(
        f"UPDATE segments_customer c SET {key} = {plain} WHERE {within} AND {plain} <> c.{key}",
        step,
    )
    rows = (
        f"SELECT c.id AS place, c.{column} AS written, coalesce(nullif(c.country, ''), %s) "
        f"AS country FROM segments_customer c WHERE {within} AND ({plain}) IS NULL"
    )
    params = [country, *step]
    settle_rows(cursor, column, rows, params, table="segments_customer", key="id")


def _keep_suppressed(cursor, step):
    """Adds the hashes of compared addresses; returns these, by channel."""
    columns = ", ".join(f"{column}, {key}" for column, key in KEY_COLUMNS.items())
    cursor.execute(
        f"SELECT suppressed_channels, {columns} FROM segments_customer "
        "WHERE id BETWEEN %s AND %s AND suppressed_channels <> '{}'",
        step,
    )
    hashed, found, keys = keyed_hasher(), [], {}
    for channels, *addresses in cursor.fetchall():
        for channel in channels:
            if (column := address_fields().get(channel)) is None:
                continue
            place = 2 * list(KEY_COLUMNS).index(column)
            written, key = addresses[place : place + 2]
            if key and FORMER[column](written) != key:
                found.append((channel, hashed(FORMER[column](written)), hashed(key)))
                keys.setdefault(channel, set()).add(key)
    if found:
        channels, former, new = zip(*found, strict=True)
        cursor.execute(ADD, {"channels": list(channels), "former": list(former), "new": list(new)})
    return keys


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("segments", "0029_compared_addresses")]

    operations = [
        migrations.RunPython(settle, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='customer',
            index=models.Index(condition=models.Q(('email_key', ''), _negated=True), fields=['email_key'], name='customer_email_key'),
        ),
        migrations.AddIndex(
            model_name='customer',
            index=models.Index(condition=models.Q(('phone_key', ''), _negated=True), fields=['phone_key'], name='customer_phone_key'),
        ),
        migrations.AddIndex(
            model_name='customer',
            index=models.Index(models.Func(models.F('phone'), models.Value('+ ()./-'), models.Value(''), function='translate'), condition=models.Q(('phone_key', ''), models.Q(('phone', ''), _negated=True)), name='customer_phone_unsettled'),
        ),
    ]
