"""Let a teacher label photos: the same as "mmocr-kd pseudo-label"."""
from mmocr_kd.cli.pseudo_label import pseudo_label

if __name__ == '__main__':
    pseudo_label()
