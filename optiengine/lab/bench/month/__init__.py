"""A month lived by a simulated town, with faults, and a checker that trusts nothing of the engine.

* `conductor` turns the clock, feeds events, breaks things; a real cluster and web server work.
* `sinks` are the mail server and the webhook endpoint: they write down what really arrived, when.
* `check` reads tables by plain SQL and the sinks' records, and holds the engine to its manual.
"""
