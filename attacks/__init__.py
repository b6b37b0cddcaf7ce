"""Membership-inference attacks: one file, one attack, one threat model; the file name is its name."""
