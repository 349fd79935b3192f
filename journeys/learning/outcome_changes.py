"""Outcomes as they are known on a day, and what a day adds to what was learned, in SQL.

An outcome is measured once; late and corrected events change it by rows of their own (see
follow_late_events). Queries that read outcomes fold these in, by one of the two expressions here.
"""

# Outcomes as known when a day began. is_late: events came after the window had been measured.
OUTCOMES_AS_OF = """
(SELECT o.contact_id, o.as_of, o.measured_on, o.clv_change_cents,
        coalesce(l.n_responses, o.n_responses) AS n_responses,
        coalesce(l.margin_cents, o.margin_cents) AS margin_cents,
        coalesce(l.value_cents, o.value_cents) AS value_cents,
        greatest(coalesce(l.n_responses, o.n_responses) - o.n_responses, 0) AS n_late
 FROM journeys_outcome o
 LEFT JOIN (
     SELECT DISTINCT ON (contact_id) contact_id, n_responses, margin_cents, value_cents
     FROM journeys_outcomechange WHERE changed_on <= {as_of}
     ORDER BY contact_id, changed_on DESC
 ) l ON l.contact_id = o.contact_id
 WHERE o.measured_on <= {as_of})
"""
# What a day adds to the sums of learning: the outcomes measured on it with weight 1; of each one
# that was changed on it, what it was with a negative weight and what it is with the same positive
# one. That weight is what is left, by the half-life, of the day on which it was first counted.
LEARNED_ON = """
(SELECT contact_id, as_of, n_responses, value_cents, 1::float8 AS weight
 FROM journeys_outcome WHERE measured_on = {day}
 UNION ALL
 SELECT c.contact_id, c.as_of, side.n_responses, side.value_cents,
        side.sign * 0.5 ^ ((c.changed_on - o.measured_on) / {half_life}::float8)
 FROM journeys_outcomechange c
 JOIN journeys_outcome o ON o.contact_id = c.contact_id AND o.as_of = c.as_of
 CROSS JOIN LATERAL (VALUES
     (-1, c.n_responses_before, c.value_cents_before), (1, c.n_responses, c.value_cents)
 ) AS side (sign, n_responses, value_cents)
 WHERE c.changed_on = {day} AND o.measured_on < {day})
"""
