"""Days of an action of which no message left: nobody was treated, so they are not measured."""

# Of a contact k: whether it is of a stopped day.
IS_OF_STOPPED_DAY = """
EXISTS (SELECT FROM journeys_stoppedday t
        WHERE t.as_of = k.as_of AND t.action_id = k.action_id AND k.id < t.id)
"""
