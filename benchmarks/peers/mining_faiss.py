"""faiss, exact flat index, over-fetched and filtered: `mining_faiss FOLDER KIND QUERIES OUT`."""

import faiss
import numpy as np

from benchmarks.peers.mining import COUNT, OVER_FETCH, first_from_others, measure


def build(vectors, _videos):
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors)
    return index


def search(index, vectors, videos, asked):
    found = index.search(vectors[asked], (1 + OVER_FETCH) * COUNT)[1].astype(np.int32)
    return first_from_others(asked, found, videos)


def main(folder: str, kind: str, queries: str, out: str) -> None:
    measure(folder, kind, queries, out, build, search)
