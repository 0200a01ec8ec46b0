"""The original service's KServe model class, over libkandinsky.

    import kserve
    from kandinsky_kserve import KandinskyModel, LocalBackend

    model = KandinskyModel("kandinsky", LocalBackend("/mnt/models"))
    model.load()
    kserve.ModelServer().start([model])
"""
from .backend import Backend, Drawn
from .failure import Failure
from .local import LocalBackend
from .model import KandinskyModel
from .params import Params
from .remote import RemoteBackend

__all__ = ["Backend", "Drawn", "Failure", "KandinskyModel", "LocalBackend", "Params", "RemoteBackend"]
