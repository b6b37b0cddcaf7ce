"""The static site of all results: its pages, its feed of changes, and the check of what somebody adds."""
