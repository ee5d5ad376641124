"""The command ``mmocr-kd``. It starts without the package, which imports PyTorch and MMOCR's stack.

So help and shell completion take no time, and "doctor" works where that stack is broken.
"""
import os
import sys
import warnings
from importlib.util import find_spec, module_from_spec

# MMEngine says it in each process that it starts, and nobody who runs a command can do about it.
SAID = 'pkg_resources is deprecated'


def main():
    """Find the package, and run the command; its ``__init__`` runs when a verb needs it."""
    warnings.filterwarnings('ignore', SAID)
    os.environ['PYTHONWARNINGS'] = ','.join(filter(None, (  # of processes that are started
        os.environ.get('PYTHONWARNINGS'), f'ignore:{SAID}:UserWarning')))
    if 'mmocr_kd' not in sys.modules:
        sys.modules['mmocr_kd'] = module_from_spec(find_spec('mmocr_kd'))
    from mmocr_kd.cli import main
    main(prog_name='mmocr-kd')


if __name__ == '__main__':
    main()
