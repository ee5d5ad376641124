"""The command ``mmocr-kd``. It starts without the package, which imports PyTorch and MMOCR's stack.

So help and shell completion take no time, and "doctor" works where that stack is broken.
"""
import sys
from importlib.util import find_spec, module_from_spec


def main():
    """Find the package, and run the command; its ``__init__`` runs when a verb needs it."""
    if 'mmocr_kd' not in sys.modules:
        sys.modules['mmocr_kd'] = module_from_spec(find_spec('mmocr_kd'))
    from mmocr_kd.cli import main
    main(prog_name='mmocr-kd')


if __name__ == '__main__':
    main()
