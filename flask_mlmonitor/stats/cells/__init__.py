"""Values as counts over cells, and what such counts say without a statistic."""
