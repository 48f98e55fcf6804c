"""Ways to run a function over many inputs. Nothing here knows of X-rays."""
