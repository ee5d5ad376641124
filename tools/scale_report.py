"""Say what choosing resolutions is worth: the same as "mmocr-kd scale-report"."""
from mmocr_kd.cli.scale_report import scale_report

if __name__ == '__main__':
    scale_report()
