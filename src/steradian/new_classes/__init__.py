"""New classes for a fitted model without training, and how near they come to the others."""

from steradian.new_classes.added_classes import AddedClass, AddedClasses
from steradian.new_classes.change_classes import add_classes, remove_classes

__all__ = ["AddedClass", "AddedClasses", "add_classes", "remove_classes"]
