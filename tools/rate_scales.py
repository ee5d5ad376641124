"""Rate every image at every scale: the same as "mmocr-kd rate-scales"."""
from mmocr_kd.cli.rate_scales import rate_scales

if __name__ == '__main__':
    rate_scales()
