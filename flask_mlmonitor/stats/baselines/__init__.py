"""What the training data looked like."""
