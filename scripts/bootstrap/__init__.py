"""Brings topics, schemas and streaming SQL to what the contracts say. Every step may be repeated."""
