"""From an item to its row, for one image or millions, and from rows to tables, folders, sheets."""
