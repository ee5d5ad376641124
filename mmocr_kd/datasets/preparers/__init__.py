"""Parts of MMOCR's dataset preparer for data sets it lacks: TD500, HUST-TR400, CASIA-10K."""
from .folder_pair_gatherer import FolderPairGatherer
from .quad_txt_parser import QuadTxtAnnParser
from .td500_parser import TD500AnnParser

__all__ = ['FolderPairGatherer', 'QuadTxtAnnParser', 'TD500AnnParser']
