"""What MMCV says about itself when it lists the environment."""


def get_compiler_version() -> str:
    """Of the compiler of the operators."""
    return 'not available (mmcv-lite)'


def get_compiling_cuda_version() -> str:
    """Of the CUDA the operators were compiled for."""
    return 'not available (mmcv-lite)'
