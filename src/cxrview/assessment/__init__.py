"""Labelled films and a model, or its table, -> a report on how well it does."""
