"""Find the objects whose unit vectors are nearest to a query."""

from steradian.search.index import Embedder, Index
from steradian.search.neighbors import Neighbors

__all__ = ["Embedder", "Index", "Neighbors"]
