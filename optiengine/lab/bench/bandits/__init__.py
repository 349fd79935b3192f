"""A world of many segments and actions with known truth, and the policies that play in it."""
