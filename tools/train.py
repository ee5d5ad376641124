"""Train a model: the same as "mmocr-kd train"."""
from mmocr_kd.cli.train import train

if __name__ == '__main__':
    train()
