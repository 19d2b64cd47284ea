"""The documentation, and the program that keeps its tables true."""
