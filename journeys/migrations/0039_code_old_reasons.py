"""Give the sentences of old deliveries a code, and keep those whose words no code has.

In steps of their own transaction, so that neither many rows nor other writers wait for it. A step
that is repeated changes nothing.
"""

from django.db import migrations

STEP = 50_000  # ids
AS_WRITTEN = 99
# What the check before the hand-over and the outbox wrote, always in English.
SENTENCES = {
    1: "The customer is no longer known.",
    2: "The customer was erased.",
    3: "The customer is suppressed.",
    4: "The address is suppressed.",
    7: "The campaign is no longer active.",
    10: "The action is no longer active.",
    53: "The webhook endpoint is not active.",
    54: "The SFTP target is not active.",
}
# What began with these words, in the language of the worker or user, keeps its sentence.
BEGINNINGS = [
    # Worded otherwise today.
    (5, "There is no consent for the channel."),
    (6, "There is no address for the channel."),
    (8, "The journey map is no longer active."),
    (9, "The customer declined a topic of the campaign."),
    (11, "It is too late for this message."),
    (30, "The address is not an e-mail address."),
    (52, "No e-mail service provider is set: ANYMAIL_ESP."),
    (60, "Interrupted while it was handed over: it may have arrived."),
    (20, "Quiet hours until "),
    (20, "Quiet hours: "),
    (20, "Horas de silêncio até "),
    (20, "Horas de silêncio: "),
    (21, "Frequency cap “"),
    (21, "Limite de frequência “"),
    (22, "Minimum gap “"),
    (22, "Intervalo mínimo “"),
    (23, "Exclusion “"),
    (23, "Exclusão “"),
    (24, "Duration of “"),
    (24, "Duração de “"),
    (61, "Settled as sent by "),
    (61, "Resolvido como enviado por "),
    (62, "Settled as not sent by "),
    (62, "Resolvido como não enviado por "),
]
CODE = """
UPDATE journeys_delivery d
SET reason_code = coalesce(whole.code, begun.code, %(as_written)s),
    reason_params = CASE WHEN whole.code IS NULL THEN jsonb_build_object('text', old.reason)
                         ELSE '{}' END
FROM journeys_delivery old
LEFT JOIN unnest(%(codes)s::smallint[], %(sentences)s::text[]) AS whole (code, sentence)
    ON whole.sentence = old.reason
LEFT JOIN unnest(%(begun)s::smallint[], %(beginnings)s::text[]) AS begun (code, beginning)
    ON starts_with(old.reason, begun.beginning)
WHERE d.id = old.id AND d.as_of = old.as_of
  AND d.id > %(after)s AND d.id <= %(until)s
  AND old.id > %(after)s AND old.id <= %(until)s AND old.reason <> ''
"""
WRITE_OUT = """
UPDATE journeys_delivery d
SET reason = left(coalesce(old.reason_params ->> 'text', whole.sentence,
                           old.reason_params ->> 'answer', old.reason_params ->> 'fault',
                           begun.beginning || (old.reason_params ->> 'rule') || '”',
                           begun.beginning || (old.reason_params ->> 'by') || '.',
                           begun.beginning, 'Reason ' || old.reason_code), 200)
FROM journeys_delivery old
LEFT JOIN unnest(%(codes)s::smallint[], %(sentences)s::text[]) AS whole (code, sentence)
    ON whole.code = old.reason_code
LEFT JOIN (SELECT DISTINCT ON (code) code, beginning
           FROM unnest(%(begun)s::smallint[], %(beginnings)s::text[])
                WITH ORDINALITY AS each (code, beginning, place)
           ORDER BY code, place) AS begun ON begun.code = old.reason_code
WHERE d.id = old.id AND d.as_of = old.as_of
  AND d.id > %(after)s AND d.id <= %(until)s
  AND old.id > %(after)s AND old.id <= %(until)s AND old.reason_code IS NOT NULL
"""


def code_reasons(apps, schema_editor):
    _in_steps(schema_editor.connection, CODE)


def write_reasons_out(apps, schema_editor):
    _in_steps(schema_editor.connection, WRITE_OUT)


def _in_steps(connection, statement):
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(id), max(id) FROM journeys_delivery")
        first, last = cursor.fetchone()
        for after in range(first - 1, last, STEP) if first else ():
            cursor.execute(
                statement,
                {
                    "as_written": AS_WRITTEN,
                    "codes": list(SENTENCES),
                    "sentences": list(SENTENCES.values()),
                    "begun": [code for code, _beginning in BEGINNINGS],
                    "beginnings": [beginning for _code, beginning in BEGINNINGS],
                    "after": after,
                    "until": after + STEP,
                },
            )


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("journeys", "0038_delivery_reason_code")]

    operations = [migrations.RunPython(code_reasons, write_reasons_out)]
