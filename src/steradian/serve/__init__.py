"""A fitted model behind HTTP: an API, and a page to search with. All but the limits need the extra "serve"."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from steradian.errors import MissingExtraError
from steradian.serve.limits import Limits

if TYPE_CHECKING:
    from steradian.serve.app import make_app
    from steradian.serve.gallery import Gallery
    from steradian.serve.run_server import run_server
    from steradian.serve.served_model import FittedServedModel, ServedModel, ServedObjects, load_served

__all__ = [
    "FittedServedModel",
    "Gallery",
    "Limits",
    "ServedModel",
    "ServedObjects",
    "load_served",
    "make_app",
    "run_server",
]

_PACKAGES = "fastapi", "python_multipart", "uvicorn"
_MODULES = "app", "gallery", "run_server", "served_model"


def __getattr__(name: str) -> Any:
    """Import the modules when a name is first asked for: the command line reads the limits without them."""
    if name not in __all__:
        raise AttributeError(f"module 'steradian.serve' has no attribute {name!r}")
    for package in _PACKAGES:
        try:
            import_module(package)
        except ImportError as error:
            raise MissingExtraError("serve", package, "steradian serve") from error
    for module in [import_module(f"steradian.serve.{module}") for module in _MODULES]:
        globals().update({key: getattr(module, key) for key in __all__ if hasattr(module, key)})
    return globals()[name]
