"""The models' figures in Amazon CloudWatch: what is put there, and what puts it."""
