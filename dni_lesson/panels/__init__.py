"""Interactive pictures of the lessons."""
