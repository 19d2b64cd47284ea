"""What the figures of a window mean."""
