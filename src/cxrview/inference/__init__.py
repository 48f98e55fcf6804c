"""The one walk from an item to its row, and what carries it out over many."""
