"""One widget a file. Each draws a View and asks nothing of anyone."""
