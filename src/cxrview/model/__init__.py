"""Networks as tables of layers, preprocessing, and the model file: radiograph -> probabilities."""
