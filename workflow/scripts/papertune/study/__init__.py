"""What a study is: its settings, its files, its splits."""
