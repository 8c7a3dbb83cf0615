"""An object storage for each test: a folder, this process's memory, and with S3=1 a real S3."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters_store.files import AdapterFiles
from adapters_store.remote.object_storage import ObjectStorage

KINDS = ["file", "memory", *(["s3"] if os.environ.get("S3") else [])]


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """A bucket on a server of moto."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket="adapters")
        yield "s3://adapters"
    server.stop()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    name = uuid.uuid4().hex
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/{name}"
    return f"memory://{name}" if request.param == "memory" else f"file://{tmp_path}/remote"


@pytest.fixture
def remote(url: str) -> ObjectStorage:
    return ObjectStorage(url)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "adapters"


@pytest.fixture
def files(root: Path, remote: ObjectStorage) -> AdapterFiles:
    return AdapterFiles(root, remote)
