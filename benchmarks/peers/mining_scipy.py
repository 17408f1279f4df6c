"""scipy's k-d tree, over-fetched and filtered: `mining_scipy FOLDER KIND QUERIES OUT`."""

from scipy.spatial import cKDTree

from benchmarks.peers.mining import COUNT, OVER_FETCH, first_from_others, measure


def search(tree, vectors, videos, asked):
    _, found = tree.query(vectors[asked], k=(1 + OVER_FETCH) * COUNT, workers=-1)
    return first_from_others(asked, found, videos)


def main(folder: str, kind: str, queries: str, out: str) -> None:
    measure(folder, kind, queries, out, lambda vectors, _videos: cKDTree(vectors), search)
