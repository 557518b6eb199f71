"""The second half of the front door: each method hands the model to the function that does the work."""

import inspect

import pytest
from sklearn.exceptions import NotFittedError

import steradian as sr
from steradian.answers import Answers

METHODS = {
    name: method for name, method in vars(Answers).items() if inspect.isfunction(method) and not name.startswith("_")
}


@pytest.mark.parametrize("name", METHODS)
def test_an_unfitted_model_answers_nothing(name: str) -> None:
    required = [
        parameter
        for parameter in list(inspect.signature(METHODS[name]).parameters.values())[1:]
        if parameter.default is inspect.Parameter.empty
    ]
    with pytest.raises(NotFittedError):
        METHODS[name](sr.SphereEmbedder(), *[None] * len(required))
