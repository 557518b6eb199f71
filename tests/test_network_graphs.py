"""What graphs are made of; that they say what torch says is tested by running them, in tests/engines/test_onnx.py."""

import numpy as np
import torch

import steradian as sr
from steradian.data.batch import Preprocessor
from steradian.modalities.tensors import to_tensors
from steradian.network_graphs import _sound_tokens, _text_tokens


def test_texts_without_bags_are_the_same_tokens() -> None:
    cells = {"title": ["one two two", None, "three", "!"], "label": ["a", "b", "a", "b"]}
    schema = sr.Schema({"title": sr.Text("title"), "size": sr.Vector("size")})
    objects = sr.read_objects(cells | {"size": [[1.0], [2.0], [3.0], [4.0]]}, schema)
    preprocessor = Preprocessor.fit(objects)
    tokenizer = preprocessor.modalities["title"].tokenizer(8, 0.1).eval()
    items = preprocessor.prepare(objects).batch(np.arange(4)).items["title"]
    items.pop("set_sizes", None)
    with torch.inference_mode():
        expected, found = tokenizer(**to_tensors(items)), _text_tokens(tokenizer, **to_tensors(items))
    torch.testing.assert_close(found.values, expected.values)
    assert torch.equal(found.mask, expected.mask)


def test_sounds_without_sizes_of_python_are_the_same_tokens() -> None:
    waves = [np.sin(np.arange(samples) * 0.3) for samples in (3000, 700, 2000)]
    cells = {"clip": [(wave, 16_000) for wave in waves], "label": ["a", "b", "a"]}
    objects = sr.read_objects(cells, sr.Schema({"clip": sr.Audio("clip")}))
    preprocessor = Preprocessor.fit(objects)
    tokenizer = preprocessor.modalities["clip"].tokenizer(8, 0.1).eval()
    items = to_tensors(preprocessor.prepare(objects).batch(np.arange(3)).items["clip"])
    with torch.inference_mode():
        expected, found = tokenizer(**items), _sound_tokens(tokenizer, **items)
    assert torch.equal(found.mask, expected.mask)
    torch.testing.assert_close(found.values, expected.values)
