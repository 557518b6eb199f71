"""The folder of a `SphereEmbedder`: saved, loaded, and exchanged with a hub."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from steradian.embedder_attributes import EmbedderAttributes
from steradian.errors import MissingExtraError, SavedModelError, SteradianError, warn_user
from steradian.fitted_model import FittedModel
from steradian.model_card import write_card
from steradian.saved_model import load_model, save_model

__all__ = ["EmbedderFolder"]

FILES = ["config.json", "weights-*.safetensors", "README.md"]
"""What of a repository is a model."""


class EmbedderFolder(EmbedderAttributes):
    """What of a `SphereEmbedder` has to do with folders."""

    def save(self, folder: str | Path, *, license: str | None = None, evaluation: Any = None) -> None:
        """Write the model to a folder of safetensors and JSON, enough alone in a process that never saw the data.

        A `README.md` says what it is, with the metadata that hubs read. What you write below its last line stays.

        Args:
            folder: is made if it does not exist; a model already there is replaced only when the new one is whole.
            license: of the model as hubs name it, such as "apache-2.0".
            evaluation: an `Evaluation` of it, for the scores in `README.md`; those of an earlier save stay otherwise.
        """
        save_model(self._fitted, folder, inputs=self._inputs)
        write_card(Path(folder), self._fitted, license=license, evaluation=evaluation)

    save_pretrained = save
    """By the name that users of hubs look for."""

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto") -> Self:
        """A saved model, ready to use. Nothing is unpickled.

        Args:
            folder: where `save` wrote it.
            device: "auto" or a torch device.

        Raises:
            SavedModelError: no model there, cut short, or of another version.
        """
        model, inputs = load_model(folder, device=device)
        if not model.training.ended:
            warn_user(f"{folder}: this model was saved while its training went on")
        estimator = cls(**model.model_config.to_dict(), **(model.training_config.to_dict() | {"device": device}))
        estimator.__dict__ |= inputs
        estimator.fitted_ = model
        return estimator

    def export(self, folder: str | Path) -> None:
        """Write a folder that `steradian.RuntimeModel` serves without torch.

        A model whose networks are run needs the extra: `pip install 'steradian[export]'`.

        Args:
            folder: made if it does not exist; what was exported there is replaced only when the new one is whole.

        Raises:
            InputError: the folder of a saved model.
            MissingExtraError: networks, and onnx is not installed.
            ConfigError: a modality whose network cannot be exported.
        """
        from steradian.export_model import export_model

        export_model(self._fitted, folder, inputs=self._inputs)

    @classmethod
    def from_pretrained(
        cls,
        folder_or_repository: str | Path,
        *,
        revision: str | None = None,
        token: str | None = None,
        device: str = "auto",
    ) -> Self:
        """A saved model of a folder, or of a repository of the Hugging Face hub, which is kept in its cache.

        Args:
            folder_or_repository: a folder if there is one of this name, else a repository such as "you/shoes".
            revision: a branch, tag or commit of the repository; None takes its main branch.
            token: for a private repository; None takes the one that you have logged in with.
            device: "auto" or a torch device.

        Raises:
            SavedModelError: no folder, and no repository that can be read; else as `load`.
            MissingExtraError: huggingface_hub is not installed: `pip install 'steradian[hub]'`.
        """
        if Path(folder_or_repository).is_dir():
            return cls.load(folder_or_repository, device=device)
        hub, name = _hub("from_pretrained"), str(folder_or_repository)
        with _telling_hub_errors("a model folder, or a repository of the hub that can be read", name):
            folder = hub.snapshot_download(name, revision=revision, token=token, allow_patterns=FILES)
        return cls.load(folder, device=device)

    def push_to_hub(
        self,
        repository: str,
        *,
        private: bool | None = None,
        license: str | None = None,
        evaluation: Any = None,
        message: str = "Upload a steradian model",
        token: str | None = None,
    ) -> str:
        """Upload the model to a repository of the Hugging Face hub, as one commit; the address of that.

        Args:
            repository: such as "you/shoes"; made if it does not exist. A model there is replaced.
            private: whether a repository that is made is private; None takes your account's choice.
            license: as for `save`.
            evaluation: as for `save`.
            message: of the commit.
            token: None takes the one that you have logged in with.

        Raises:
            SavedModelError: the hub refuses it, or cannot be reached.
            MissingExtraError: huggingface_hub is not installed: `pip install 'steradian[hub]'`.
        """
        api = _hub("push_to_hub").HfApi(token=token)
        with tempfile.TemporaryDirectory() as folder, _telling_hub_errors("a repository to write to", repository):
            self.save(folder, license=license, evaluation=evaluation)
            api.create_repo(repository, private=private, exist_ok=True)
            # Each save names its weights anew: those of the last commit would stay.
            old = ["weights-*.safetensors"]
            done = api.upload_folder(
                repo_id=repository, folder_path=folder, commit_message=message, delete_patterns=old
            )
        return str(done.commit_url)

    def _keep(self, model: FittedModel, folder: str | Path) -> None:
        """Save a model, beside what stands there as long as training has not ended."""
        self.fitted_, unfinished = model, Path(folder, "unfinished")
        self.save(folder if model.training.ended else unfinished)
        if model.training.ended:
            shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _telling_hub_errors(want: str, where: str) -> Iterator[None]:
    try:
        yield
    except SteradianError:
        raise
    except (OSError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        # Some of its messages begin with the word that ours have before them.
        got = re.sub(r"^got\W+", "", first, flags=re.IGNORECASE).rstrip(".")
        raise SavedModelError(want, got, where, "Check the name, the token and the network.") from error


def _hub(where: str) -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError("hub", "huggingface_hub", where) from error
    return huggingface_hub
