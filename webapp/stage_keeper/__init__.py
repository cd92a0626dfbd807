"""Keeps the lifecycle stage in the profile topic right, whoever placed the order."""
