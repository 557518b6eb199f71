"""What a server takes on at most, so that no request and no crowd of them can bring it down."""

from dataclasses import dataclass, fields

from steradian.errors import ConfigError

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Bounds of a request and of all together; what exceeds them is refused.

    Raises:
        ConfigError: a bound that is not above 0.

    Examples:
        >>> Limits(max_rows=8).max_rows
        8
    """

    max_body_bytes: int = 16 << 20
    """Bytes of a request's body."""
    max_held_bytes: int = 256 << 20
    """Bytes of the bodies of all requests that are being answered."""
    max_rows: int = 256
    """Objects of a request."""
    max_values: int = 1_000_000
    """Values in all rows and lists of a request."""
    max_items: int = 16
    """Pictures, sounds or texts in one cell."""
    max_pixels: int = 50_000_000
    """Pixels of all pictures of a request, as they are decoded."""
    max_samples: int = 20_000_000
    """Samples of all sounds of a request, times their channels."""
    max_neighbors: int = 1000
    """Neighbors of a searched object."""
    max_waiting: int = 256
    """Requests that wait for the model."""
    batch_rows: int = 64
    """Objects from which on a batch takes no further request."""
    timeout_seconds: float = 30.0
    """Seconds until a request must have come in whole, and from then on until it must be answered."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                got = repr(getattr(self, field.name))
                raise ConfigError("a number above 0", got, field.name, f"The default is {field.default}.")
