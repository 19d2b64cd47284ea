"""Pure arithmetic on counts: bins, rollups and the baseline they come from."""
