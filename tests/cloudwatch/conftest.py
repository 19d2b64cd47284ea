"""An account of nobody: what a test sends reaches no AWS."""

import pytest


@pytest.fixture(autouse=True)
def nobodys_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and a region, where boto3 looks for them first."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
