"""The version, which setup.py and the command read without importing the package."""
__version__ = '0.12.0'
