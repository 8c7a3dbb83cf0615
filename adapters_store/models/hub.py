"""Fetches base models from Hugging Face."""

from pathlib import Path

from adapters_store.errors import ModelFetchError

_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]


def fetch_from_hub(model: str) -> Path:
    """The snapshot folder of a Hugging Face model; its name is the commit.

    Raises `ModelFetchError`.
    """
    # Imported here: they take half a second, and most models come from elsewhere.
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        # Never pickled weights, and nothing from subfolders such as `original/`.
        return Path(snapshot_download(model, allow_patterns=_FILES, ignore_patterns=["*/*"]))
    except HFValidationError as error:
        raise ModelFetchError(
            f"`{model}` is neither a built-in model, a path nor a Hugging Face id"
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx.HTTPError, OSError) as error:
        raise ModelFetchError(
            f"could not fetch `{model}` from Hugging Face: {str(error).splitlines()[0]}. Check its "
            "name, the network connection and, for a gated model, HF_TOKEN; or set `model` to a "
            "local folder"
        ) from error
