"""How far the counts of a window are from the baseline's."""
