"""A world in memory: the engine's own numeric heart, without a database, against known truth."""
