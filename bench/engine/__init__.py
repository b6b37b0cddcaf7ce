"""What a run consists of: its plan, its tasks, what each attacker sees, and the records that it leaves."""
