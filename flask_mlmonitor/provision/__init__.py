"""Files for Prometheus, Alertmanager, Grafana and whoever runs the service, from its settings."""
