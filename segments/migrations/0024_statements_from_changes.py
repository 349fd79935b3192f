"""Changes of consent become statements, with what is known of them; then what holds follows.

Who withdrew in person and was brought back by a file or a call that says no more than yes is
withdrawn again. Nobody gets a consent by this migration that they did not have before it.
"""

from django.db import migrations

FILE, API, UNSUBSCRIBE_PAGE, PREFERENCE_PAGE, FEEDBACK = 1, 2, 3, 4, 5
ADMIN, CALL_LIST, ERASURE, EARLIER = 6, 7, 9, 10

# What the sources of changes were called.
KIND = f"""CASE
    WHEN h.source = 'unsubscribe link' THEN {UNSUBSCRIBE_PAGE}
    WHEN h.source = 'preference page' THEN {PREFERENCE_PAGE}
    WHEN h.source = 'call list' THEN {CALL_LIST}
    WHEN h.source LIKE '%: unsubscribe' OR h.source LIKE '%: complaint' THEN {FEEDBACK}
    WHEN h.source LIKE 'admin: %' THEN {ADMIN}
    WHEN h.source LIKE 'erasure%' THEN {ERASURE}
    WHEN h.source LIKE '%(API: %)' THEN {API}
    ELSE {FILE} END"""
FROM_CHANGES = f"""
INSERT INTO segments_consentstatement (customer_id, channel, says_yes, said_at, recorded_at, kind,
    source, by_customer, brings_back, proof)
SELECT n.customer_id, n.channel, n.says_yes, n.changed_at, n.changed_at, n.kind, n.source,
    n.kind IN ({UNSUBSCRIBE_PAGE}, {PREFERENCE_PAGE}, {CALL_LIST}, {FEEDBACK}, {ERASURE})
        OR n.kind = {ADMIN} AND NOT n.says_yes,
    n.says_yes AND n.kind IN ({PREFERENCE_PAGE}, {ADMIN}),
    '{{}}'
FROM (
    SELECT h.id, h.customer_id, h.changed_at, h.source, {KIND} AS kind, d.channel, d.says_yes
    FROM segments_consentchange h CROSS JOIN LATERAL (
        SELECT channel, true AS says_yes FROM unnest(h."after") AS a (channel)
        WHERE channel <> ALL (h."before")
        UNION ALL
        SELECT channel, false FROM unnest(h."before") AS b (channel)
        WHERE channel <> ALL (h."after")
    ) d
) n ORDER BY n.id
"""
HELD_WITHOUT_A_STATEMENT = f"""
INSERT INTO segments_consentstatement (customer_id, channel, says_yes, said_at, recorded_at, kind,
    source, by_customer, brings_back, proof)
SELECT c.id, held.channel, true, c.created_at, c.created_at, {EARLIER}, '', false, false, '{{}}'
FROM segments_customer c CROSS JOIN unnest(c.consents) AS held (channel)
WHERE NOT EXISTS (SELECT FROM segments_consentstatement s
                  WHERE s.customer_id = c.id AND s.channel = held.channel)
"""
TOPICS_DECLINED = f"""
INSERT INTO segments_consentstatement (customer_id, channel, topic, says_yes, said_at, recorded_at,
    kind, source, by_customer, brings_back, proof)
SELECT c.id, '', declined.topic, false, c.updated_at, c.updated_at, {PREFERENCE_PAGE},
    'preference page', true, false, '{{}}'
FROM segments_customer c CROSS JOIN unnest(c.topics_declined) AS declined (topic)
"""
# What the statements say: the newest, of several at one time the no, but a withdrawal in person
# stays until something that brings it back.
DERIVED = """
SELECT customer_id, channel, max(said_at) AS newest_at,
    coalesce(max(said_at) FILTER (WHERE says_yes) > max(said_at) FILTER (WHERE NOT says_yes),
             bool_or(says_yes))
    AND NOT coalesce(max(said_at) FILTER (WHERE NOT says_yes AND by_customer)
        >= coalesce(max(said_at) FILTER (WHERE brings_back), '-infinity'), false) AS allowed
FROM segments_consentstatement WHERE topic IS NULL GROUP BY customer_id, channel
"""
CLOSED_STAYS_CLOSED = f"""
INSERT INTO segments_consentstatement (customer_id, channel, says_yes, said_at, recorded_at, kind,
    source, by_customer, brings_back, proof)
SELECT d.customer_id, d.channel, false, d.newest_at, d.newest_at, {EARLIER}, '', false, false,
    '{{}}'
FROM ({DERIVED}) d JOIN segments_customer c ON c.id = d.customer_id
WHERE d.allowed AND d.channel <> ALL (c.consents)
"""
WITHDRAW = f"""
UPDATE segments_customer c
SET consents = ARRAY(
        SELECT held.channel FROM unnest(c.consents) WITH ORDINALITY AS held (channel, place)
        WHERE held.channel <> ALL (n.channels) ORDER BY place),
    updated_at = now()
FROM (SELECT customer_id, array_agg(channel) AS channels FROM ({DERIVED}) d
      WHERE NOT allowed GROUP BY customer_id) n
WHERE c.id = n.customer_id AND c.consents && n.channels
"""


def store_statements(apps, schema_editor):
    steps = (FROM_CHANGES, HELD_WITHOUT_A_STATEMENT, TOPICS_DECLINED, CLOSED_STAYS_CLOSED, WITHDRAW)
    with schema_editor.connection.cursor() as cursor:
        for statement in steps:
            cursor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("segments", "0023_consent_statements")]

    operations = [migrations.RunPython(store_statements, migrations.RunPython.noop)]
