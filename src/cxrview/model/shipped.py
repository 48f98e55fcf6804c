"""The models inside the package and the SHA-256 of each, so that none is altered unseen."""

SHIPPED: dict[str, str] = {
    "film": "",
    "open": "",
}
