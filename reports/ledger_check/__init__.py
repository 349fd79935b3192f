"""The independent checker of the ledger: a second reading of the documentation, over the rows.

Rows are read by plain SQL; nothing of the engine's services or numerics is used, for the checker
would share their mistakes.
"""
