"""The systems that the paper measures itself against, under one protocol on one split."""
