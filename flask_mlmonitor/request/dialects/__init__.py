"""The forms in which models are asked and answer: a file for each."""
