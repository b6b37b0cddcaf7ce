"""Pages of studies: the answer to one question that needed many runs, as page, table and picture."""
