"""Find the objects whose unit vectors are nearest to a query."""

from steradian.search.index import Index
from steradian.search.matching import Matches, match_tables
from steradian.search.neighbors import Neighbors
from steradian.search.queries import Embedder
from steradian.search.store_index import StoreIndex

__all__ = ["Embedder", "Index", "Matches", "Neighbors", "StoreIndex", "match_tables"]
