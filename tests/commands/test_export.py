"""`steradian export` writes what `RuntimeModel` loads."""

from pathlib import Path

import numpy as np
import pytest

import steradian as sr
from steradian.cli import main
from steradian.runtime import RuntimeModel


def test_a_saved_model_is_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points, labels = np.random.default_rng(0).normal(size=(12, 3)), np.repeat(["a", "b"], 6)
    model = sr.SphereEmbedder(embedding_dim=4, epochs=0, verbose=False).fit(points, labels)
    model.save(tmp_path / "model")
    with pytest.raises(SystemExit) as ended:
        main(["export", str(tmp_path / "model"), "--out", str(tmp_path / "served")])
    assert not ended.value.code and "served" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["export", str(tmp_path / "model"), "--out", str(tmp_path / "served")])
    assert f"this replaced the model in {tmp_path / 'served'}, written 2" in capsys.readouterr().err
    served = RuntimeModel.load(tmp_path / "served")
    np.testing.assert_allclose(served.embed(points), model.transform(points), atol=1e-6)
