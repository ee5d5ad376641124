"""Networks that choose how an image is processed."""
from .backbone_selector import BackboneSelector
from .resolution_selector import ResolutionSelector
from .straight_through import sample_gumbel

__all__ = ['BackboneSelector', 'ResolutionSelector', 'sample_gumbel']
