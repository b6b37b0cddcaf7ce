"""Questions that take many runs: audits of privacy claims, and exposure against cohort size."""
