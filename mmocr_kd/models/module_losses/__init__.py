"""Module losses: a text recogniser's targets and its task loss."""
