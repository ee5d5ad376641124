"""Words cut out of photos, stored in LMDB files."""
from .backend import LmdbRecordBackend
from .checked_lmdb_dataset import CheckedRecogLMDBDataset
from .lmdb_file import BrokenRecordError, LmdbError, LmdbFile, open_lmdb
from .textzoom_dataset import TextZoomDataset

__all__ = [
    'BrokenRecordError', 'CheckedRecogLMDBDataset', 'LmdbError', 'LmdbFile',
    'LmdbRecordBackend', 'TextZoomDataset', 'open_lmdb'
]
