"""View tags of headers and tables, compared with what the pixels show."""
