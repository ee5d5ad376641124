"""What can go wrong while converting weights."""


class OfficialLayoutError(ValueError):
    """A file is no weights of the published layout: unreadable, incomplete, or another model's."""
