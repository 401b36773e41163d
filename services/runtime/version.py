"""The version of this software, as logs and receipts state it."""

from importlib import metadata


def version() -> str:
    """The installed version; `unbuilt` where the sources run without having been installed."""
    try:
        return metadata.version("saraban")
    except metadata.PackageNotFoundError:
        return "unbuilt"
