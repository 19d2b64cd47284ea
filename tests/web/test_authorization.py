"""Taken by the helper tests-web."""
