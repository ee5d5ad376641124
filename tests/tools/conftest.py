"""Tools are scripts: their folder is on the path when they run, and so it is here."""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / 'tools'))
