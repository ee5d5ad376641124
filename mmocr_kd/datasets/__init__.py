"""Data sets and preparers, registered in MMOCR's registries."""
from .checked_dataset import CheckedOCRDataset, CheckedRecogTextDataset  # noqa: F401
from .concat_test_sets import ConcatTestSets  # noqa: F401
from .embedded import *  # noqa: F401,F403
from .preparers import *  # noqa: F401,F403
from .ratio_sampler import RatioSampler  # noqa: F401
from .transforms import *  # noqa: F401,F403
from .unlabelled import *  # noqa: F401,F403
from .words import *  # noqa: F401,F403
