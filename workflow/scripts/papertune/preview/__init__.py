"""What a study will do, shown on a few documents before anything large is begun."""
