"""``python -m mmocr_kd``: the same as ``mmocr-kd``."""
from _mmocr_kd_command import main

main()
