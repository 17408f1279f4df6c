"""Annotation files to trusted tables: contract, streaming ingest, whole-table rules."""
