"""Dictionaries of text recognisers."""
from .leading_tokens import LeadingTokensDictionary

__all__ = ['LeadingTokensDictionary']
