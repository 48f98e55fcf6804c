"""Local web pages on which people label images."""
