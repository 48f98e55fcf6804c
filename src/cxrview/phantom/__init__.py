"""A thorax in closed form and its films: labelled images without limit."""
