"""The only room with threads and elections."""
