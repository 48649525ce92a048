"""An experiment: its settings, its files, its splits."""
