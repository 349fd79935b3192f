"""Benchmarks of the two heavy paths, each beside the least that the database or numpy needs."""
