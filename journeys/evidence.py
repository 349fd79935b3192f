"""What counts as evidence, in SQL: for all that learns or compares test and control, or groups."""

# Of a contact k, as known on a day. Records in two groups that turned out to be one person are no
# evidence up to the merge: not even what is imported later of the time before. Releases, outcomes
# and events of such contacts stay: they are facts, and limits count them.
IS_EVIDENCE = """
NOT EXISTS (SELECT FROM journeys_evidencecut cut
            WHERE cut.customer_id = k.customer_id AND cut.noted_on <= {as_of}
              AND (k.id < cut.below OR k.reserved_at < cut.up_to))
"""
