"""What an outcome is worth, in SQL: the same for learning, reports and off-policy values.

`g` is a row with the goal's event_kind and value_per_event_cents, `e` one of EVENTS, `v` one with
clv_change_cents, the change in predicted value between the first and the last day. Without a
value per event an outcome is worth the margin of its window plus that change.
"""

from segments.event_money import IS_CREDIT_NOTE, IS_MONEY, SIGNED_CENTS

# Whether an event of the window is a conversion.
IS_RESPONSE = f"(kind = g.event_kind AND NOT {IS_CREDIT_NOTE})"
# Of the events of a window.
EVENTS = f"""
count(*) FILTER (WHERE {IS_RESPONSE}) AS n_responses,
coalesce(sum({SIGNED_CENTS}) FILTER (WHERE {IS_MONEY}), 0)::bigint AS margin_cents
"""
VALUE_OF_EVENTS = """
CASE WHEN g.value_per_event_cents IS NULL THEN coalesce(e.margin_cents, 0)
     ELSE g.value_per_event_cents * coalesce(e.n_responses, 0) END
"""
VALUE_OF_CLV_CHANGE = """
CASE WHEN g.value_per_event_cents IS NULL THEN coalesce(v.clv_change_cents, 0) ELSE 0 END
"""
VALUE = f"({VALUE_OF_EVENTS} + {VALUE_OF_CLV_CHANGE})"
