"""Will this flight arrive late? A monitored model service on New York's flights of 2013."""
