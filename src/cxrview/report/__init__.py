"""Reports as values, rendered as HTML, terminal text and JSON."""
