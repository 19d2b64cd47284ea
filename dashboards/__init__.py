"""Where the dashboards for Grafana come from: `python -m dashboards` writes what is shipped."""
