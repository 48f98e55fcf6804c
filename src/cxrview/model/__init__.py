"""The paper's network, its preparations, its weights: picture -> probabilities."""
