"""scikit-learn's neighbours, its own choice of method: `mining_sklearn FOLDER KIND QUERIES OUT`."""

from sklearn.neighbors import NearestNeighbors

from benchmarks.peers.mining import COUNT, OVER_FETCH, first_from_others, measure


def search(fitted, vectors, videos, asked):
    found = fitted.kneighbors(vectors[asked], return_distance=False)
    return first_from_others(asked, found, videos)


def build(vectors, _videos):
    return NearestNeighbors(n_neighbors=(1 + OVER_FETCH) * COUNT, n_jobs=-1).fit(vectors)


def main(folder: str, kind: str, queries: str, out: str) -> None:
    measure(folder, kind, queries, out, build, search)
