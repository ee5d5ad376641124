"""What a teacher knows of images, on disk: bound to teacher, preprocessing and image content."""
from .errors import (
                     CorruptEntryError,
                     ForeignStoreError,
                     MissingEntryError,
                     StaleEntryError,
                     StoreError,
)
from .files import write_whole
from .images import ImageIndex, content_of
from .maps import MapStore, decode_maps, encode_maps
from .readings import Posteriors, ReadingStore
from .store import Store

__all__ = [
    'CorruptEntryError', 'ForeignStoreError', 'ImageIndex', 'MapStore', 'MissingEntryError',
    'Posteriors', 'ReadingStore', 'StaleEntryError', 'Store', 'StoreError', 'content_of',
    'decode_maps', 'encode_maps', 'write_whole'
]
