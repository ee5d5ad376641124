"""Trainable maps between feature spaces."""
from .conv_adaptor import ConvAdaptor

__all__ = ['ConvAdaptor']
