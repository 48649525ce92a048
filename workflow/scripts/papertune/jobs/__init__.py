"""The frame of a job: its log, progress, stopping, record and processes."""
