"""cxrview: frontal or lateral, for every chest X-ray in a collection."""

__version__ = "0.1.0"
