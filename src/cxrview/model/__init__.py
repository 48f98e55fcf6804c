"""Networks as tables of layers, preprocessing, and the model file: radiograph -> probabilities."""

DEFAULT_MODEL = "film"  # the shipped model that is used where none is named
