"""Looks a dataset over before anyone trains on it."""
