"""Text recognisers."""
