"""Bytes that an object keeps, those of torch's tensors among them."""

import gc
import tracemalloc

import torch


def held_bytes(make):
    """Measure what is kept alive by an object.

    Parameters
    ----------
    make : callable
        Makes the object.

    Returns
    -------
    held : int
        Bytes of Python, numpy and torch.
    made : object
        The object.
    """
    gc.collect()
    before = _tensor_bytes()
    tracemalloc.start()
    made = make()
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held + _tensor_bytes() - before, made


def _tensor_bytes():
    # tracemalloc does not see torch's own memory. A tensor made from an array shares
    # the array's, and its storage cannot be enlarged.
    storages = {}
    tensors = [each for each in gc.get_objects() if type(each) is torch.Tensor]
    for tensor in tensors:
        storage = tensor.untyped_storage()
        if storage.resizable():
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())
