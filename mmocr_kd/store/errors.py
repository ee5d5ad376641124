"""What can be wrong with a store, one exception per cause; each names the command that mends it."""


class StoreError(RuntimeError):
    """A store cannot be used."""


class ForeignStoreError(StoreError):
    """It was made by another teacher, with another preprocessing, or is no store of ours."""


class MissingEntryError(StoreError):
    """An image has no entry."""


class StaleEntryError(MissingEntryError):
    """An image had an entry, and changed since."""


class CorruptEntryError(StoreError):
    """An entry is cut off, or its bytes changed."""
