"""Tools are scripts: their folder is on the path when they run, and so it is here."""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / 'tools'))
sys.path.append(str(ROOT / 'tests/convert'))  # models of the official layouts
