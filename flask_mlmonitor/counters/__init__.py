"""Counters that several processes share and that survive ``kill -9``."""
