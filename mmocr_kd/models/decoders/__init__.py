"""Decoders of text recognisers."""
