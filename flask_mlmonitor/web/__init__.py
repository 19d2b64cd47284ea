"""The monitor's own routes."""
