"""A package, so that it comes before the folder of this name that some distributions install."""
