"""Test a checkpoint: the same as "mmocr-kd test"."""
from mmocr_kd.cli.train import test

if __name__ == '__main__':
    test()
