"""A first look: the same as "mmocr-kd demo"."""
from mmocr_kd.cli.demo import demo

if __name__ == '__main__':
    demo()
