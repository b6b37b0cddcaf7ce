"""The store of results: content-addressed files, the rows made from them, and its upkeep."""
