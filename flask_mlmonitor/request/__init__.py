"""All that runs inside a request."""
