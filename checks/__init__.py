"""Checks that need more than the tests have: data, programs of others, minutes."""
