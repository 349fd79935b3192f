"""What an event is worth in money, in SQL: the one definition for features, outcomes and reports.

Conditions and expressions over a row of segments_event, for any query in which its columns `kind`
and `amount_cents` are the only ones of these names. Files write a return as 30 or as -30, and a
credit note as an order of -30: all of them take 30 away.
"""

# Which kinds are returns: `return`, and those that the organisation names. Read once per query.
IS_RETURN = """
(kind = 'return' OR kind = ANY ((SELECT return_kinds FROM segments_organisation)::text[]))
"""
# What brings money and what takes it back: the events that a margin is made of.
IS_MONEY = f"(kind = 'order' OR {IS_RETURN})"
# A credit note is no purchase: it must not make a customer look recent, frequent or converted.
IS_PURCHASE = "(kind = 'order' AND coalesce(amount_cents, 0) >= 0)"
IS_CREDIT_NOTE = "(kind = 'order' AND coalesce(amount_cents, 0) < 0)"
IS_MONEY_BACK = f"({IS_RETURN} OR {IS_CREDIT_NOTE})"
# The amount with its sign; NULL where it is not known.
SIGNED_CENTS = f"(CASE WHEN {IS_RETURN} THEN -abs(amount_cents) ELSE amount_cents END)"
