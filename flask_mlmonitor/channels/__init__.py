"""How people are told: a module for each channel, and what brings a message there."""
