"""The crash explorer: the real journal under a recorder of what reaches the disk, and every disk that a crash may leave of it."""
