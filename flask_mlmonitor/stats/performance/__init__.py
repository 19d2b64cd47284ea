"""How right a model is: measured with its ground truth, estimated without."""
