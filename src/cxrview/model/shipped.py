"""The models inside the package and the SHA-256 of each, so that none is altered unseen."""

SHIPPED: dict[str, str] = {
    "film": "92f453f906fd04e17f6e36ecdc7fdc541390000e9e177b8061bc5dcff23c0bf2",
    "open": "be363f133c7b43800dd70e1865249bc6c2a4c580ba2a2362dffd81628267f024",
}
