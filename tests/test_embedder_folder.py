"""Models exchanged with a hub, of which a folder is the stand-in that speaks the calls used."""

import fnmatch
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import steradian as sr

hub = pytest.importorskip("huggingface_hub")


class LocalHub:
    """Repositories as folders, with the signatures of huggingface_hub's own calls."""

    def __init__(self, root: Path) -> None:
        self.root, self.made = root, []

    def create_repo(self, repo_id: str, *, private: bool | None = None, exist_ok: bool = False) -> None:
        self.made.append((repo_id, private))
        (self.root / repo_id).mkdir(parents=True, exist_ok=exist_ok)

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str, delete_patterns: list[str]) -> Any:
        for path in (self.root / repo_id).iterdir():
            if any(fnmatch.fnmatch(path.name, pattern) for pattern in delete_patterns):
                path.unlink()
        shutil.copytree(folder_path, self.root / repo_id, dirs_exist_ok=True)
        return SimpleNamespace(commit_url=f"https://hub/{repo_id}/commit/{commit_message}")

    def snapshot_download(
        self, repo_id: str, *, revision: str | None, token: str | None, allow_patterns: list[str]
    ) -> str:
        if not (self.root / repo_id).is_dir():
            raise OSError(f"404, no repository {repo_id}\nRequest ID: 7")
        snapshot = self.root / "cache"
        snapshot.mkdir()
        for path in (self.root / repo_id).iterdir():
            if any(fnmatch.fnmatch(path.name, pattern) for pattern in allow_patterns):
                shutil.copy(path, snapshot)
        return str(snapshot)


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalHub:
    found = LocalHub(tmp_path / "hub")
    monkeypatch.setattr(hub, "HfApi", lambda token: found)
    monkeypatch.setattr(hub, "snapshot_download", found.snapshot_download)
    return found


@pytest.fixture(scope="module")
def model() -> sr.SphereEmbedder:
    x = np.random.default_rng(0).normal(size=(20, 3)) + np.repeat([-2, 2], 10)[:, None]
    return sr.SphereEmbedder(epochs=0, embedding_dim=4, verbose=False).fit(x, np.repeat(["a", "b"], 10))


def test_a_model_comes_back_from_a_hub(model: sr.SphereEmbedder, local: LocalHub) -> None:
    address = model.push_to_hub("you/shoes", private=True, license="mit")
    assert address == "https://hub/you/shoes/commit/Upload a steradian model"
    model.push_to_hub("you/shoes", message="Again")
    assert local.made == [("you/shoes", True), ("you/shoes", None)]
    (local.root / "you/shoes/other.bin").write_bytes(b"x")
    names = sorted(path.name.split("-")[0] for path in (local.root / "you/shoes").iterdir())
    assert names == ["README.md", "config.json", "other.bin", "weights"]  # one file of weights, of the last commit
    again = sr.SphereEmbedder.from_pretrained("you/shoes")
    assert again.fingerprint == model.fingerprint
    assert not (local.root / "cache/other.bin").exists()


def test_a_folder_needs_no_hub(model: sr.SphereEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    model.save_pretrained(tmp_path / "shoes")
    assert sr.SphereEmbedder.from_pretrained(tmp_path / "shoes").fingerprint == model.fingerprint
    for call in (lambda: sr.SphereEmbedder.from_pretrained("you/shoes"), lambda: model.push_to_hub("you/shoes")):
        with pytest.raises(sr.MissingExtraError, match=r"steradian\[hub\]"):
            call()


def test_a_repository_that_is_not_there_is_told(local: LocalHub) -> None:
    with pytest.raises(sr.SavedModelError, match=r"you/boots: want a model folder, or .*404, no repository you/boots"):
        sr.SphereEmbedder.from_pretrained("you/boots")


@pytest.mark.parametrize(
    ("said", "told"), [("Got: no network.\nmore", "got no network. Check"), ("", "got OSError. Check")]
)
def test_what_the_hub_says_is_told_once(
    said: str, told: str, model: sr.SphereEmbedder, local: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError(said)

    for name in ("snapshot_download", "create_repo"):
        monkeypatch.setattr(local, name, fails)
    monkeypatch.setattr(hub, "snapshot_download", fails)
    for call in (lambda: sr.SphereEmbedder.from_pretrained("you/shoes"), lambda: model.push_to_hub("you/shoes")):
        with pytest.raises(sr.SavedModelError, match=rf"you/shoes: want .*, {told}"):
            call()


def test_the_stand_in_takes_what_the_library_takes() -> None:
    import inspect

    for name in ("create_repo", "upload_folder"):
        ours = set(inspect.signature(getattr(LocalHub, name)).parameters)
        assert ours <= set(inspect.signature(getattr(hub.HfApi, name)).parameters)
    ours = set(inspect.signature(LocalHub.snapshot_download).parameters) - {"self"}
    assert ours <= set(inspect.signature(hub.snapshot_download).parameters)
    assert "token" in inspect.signature(hub.HfApi).parameters
