"""`nexefax doctor`: a picture of all that there is, and what is stuck, orphaned or inconsistent in it."""
