"""Ask a teacher once about every training photo: the same as "mmocr-kd cache"."""
from mmocr_kd.cli.cache import cache

if __name__ == '__main__':
    cache()
