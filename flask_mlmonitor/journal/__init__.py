"""What survives kill -9: predictions framed into segments in a spool, and the way back."""
