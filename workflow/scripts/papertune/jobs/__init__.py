"""What surrounds a job: its log, progress, end, record and processes."""
