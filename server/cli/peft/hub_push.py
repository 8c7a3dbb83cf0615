"""Pushes a version's PEFT folder to a Hugging Face repository."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

from huggingface_hub import HfApi, errors, get_token

from adapters_store.files import WEIGHTS_FILE
from adapters_store.peft_config import CARD_FILE, CONFIG_FILE
from server.cli.peft.hub_card import hub_card


class PushError(RuntimeError):
    """The version was not pushed; the message says why."""


def hub_token() -> str:
    """The token of `HF_TOKEN`, or of the login. Raises `PushError` without one."""
    token = get_token()
    if token is None:
        raise PushError(
            "there is no Hugging Face token: set HF_TOKEN to one that may write, or run"
            " `hf auth login`"
        )
    return token


def push(archive: bytes, repo: str, token: str, *, label: str, is_public: bool) -> str:
    """Push a zipped PEFT folder, and return the repository's URL.

    The repository is made if it is missing. Raises `PushError`, also if it is public already and
    `is_public` is not set.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="loralei-push-") as temporary:
            folder = _unpack(archive, Path(temporary))
            return _upload(HfApi(token=token), folder, repo, label, is_public)
    # The last two are how huggingface_hub refuses names and cards, and reports failed uploads.
    except (errors.HTTPError, OSError, ValueError, RuntimeError) as error:  # type: ignore[attr-defined]
        if isinstance(error, PushError):
            raise
        said = f"{error} {error.__cause__ or ''}"
        reason = " ".join(said.split()) or type(error).__name__
        raise PushError(f"Hugging Face did not take it: {reason}") from error


def _upload(api: HfApi, folder: Path, repo: str, label: str, is_public: bool) -> str:
    url = api.create_repo(repo, private=not is_public, exist_ok=True)
    # A repository that existed keeps its visibility, whatever was asked for.
    if not is_public and not api.model_info(url.repo_id).private:
        raise PushError(f"{url.repo_id} is public: say --public, or name another repository")
    api.upload_folder(
        repo_id=url.repo_id,
        folder_path=folder,
        commit_message=f"Loralei {label}",
        allow_patterns=[CONFIG_FILE, WEIGHTS_FILE, CARD_FILE],
    )
    return str(url)


def _unpack(archive: bytes, folder: Path) -> Path:
    """The PEFT folder in the archive, with a model card."""
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(folder)
    [inside] = folder.iterdir()
    config = json.loads((inside / CONFIG_FILE).read_text(encoding="utf-8"))
    card = inside / CARD_FILE
    card.write_text(hub_card(card.read_text(encoding="utf-8"), config), encoding="utf-8")
    return inside
