"""Programs that a model wrote are run here, apart from all that is the user's."""
