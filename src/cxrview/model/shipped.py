"""The models inside the package and the SHA-256 of each, so that none is altered unseen."""

SHIPPED: dict[str, str] = {
    "film": "92f453f906fd04e17f6e36ecdc7fdc541390000e9e177b8061bc5dcff23c0bf2",
    "open": "",
}
