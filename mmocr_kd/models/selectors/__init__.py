"""Networks that choose how an image is processed."""
from .resolution_selector import ResolutionSelector
from .straight_through import sample_gumbel

__all__ = ['ResolutionSelector', 'sample_gumbel']
