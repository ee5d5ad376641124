"""``python -m mmocr_kd``: the same as ``mmocr-kd``."""
from .cli import main

main(prog_name='mmocr-kd')
