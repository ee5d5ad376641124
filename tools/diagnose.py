"""Why a distillation helps, or does not: the same as "mmocr-kd diagnose"."""
from mmocr_kd.cli.diagnose import diagnose

if __name__ == '__main__':
    diagnose()
