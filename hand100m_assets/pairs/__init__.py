"""Hands to similar hands: each hand and its positive, resolved by table join."""
