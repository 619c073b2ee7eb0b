"""The same work by this machine's own libraries: one JSON request per line, one JSON answer per line."""

import json
import math
import sys
import time

try:
    import numpy as np
except ImportError:
    np = None
try:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
except ImportError:
    torch = None


def sketched_svd(A, k, q=2, p=10):
    """Halko, Martinsson, Tropp 2011 in six lines."""
    Q = np.linalg.qr(A @ np.random.standard_normal((A.shape[1], k + p)))[0]
    for _ in range(q):
        Q = np.linalg.qr(A.T @ Q)[0]
        Q = np.linalg.qr(A @ Q)[0]
    U, s, Vt = np.linalg.svd(Q.T @ A, full_matrices=False)
    return (Q @ U)[:, :k], s[:k], Vt[:k]


def rows_of(n, block=4096):
    return ((i, min(n, i + block)) for i in range(0, n, block))


def nystrom_numpy(X, k, p=10):
    n, d = X.shape
    Omega = np.linalg.qr(np.random.standard_normal((n, k + p)))[0]
    Y = np.empty_like(Omega)
    sq = (X * X).sum(1)
    for i, j in rows_of(n):
        D = sq[i:j, None] + sq - 2 * (X[i:j] @ X.T)
        Y[i:j] = np.exp(-np.maximum(D, 0) / d) @ Omega
    B = Omega.T @ Y
    L = np.linalg.cholesky((B + B.T) / 2 + 1e-10 * np.trace(B) * np.eye(len(B)))
    return np.linalg.svd(np.linalg.solve(L, Y.T).T, full_matrices=False)


def nystrom_torch(X, k, p=10):
    n, d = X.shape
    Omega = torch.linalg.qr(torch.randn(n, k + p, device=X.device))[0]
    Y = torch.empty_like(Omega)
    for i, j in rows_of(n):
        Y[i:j] = torch.exp(-(torch.cdist(X[i:j], X) ** 2) / d) @ Omega
    B = (Omega.T @ Y).double()
    L = torch.linalg.cholesky((B + B.T) / 2 + 1e-6 * torch.trace(B) * torch.eye(len(B), device=X.device))
    return torch.linalg.svd(torch.linalg.solve_triangular(L, Y.T.double(), upper=False).T, full_matrices=False)


def butterfly_torch(levels, X):
    n, k = X.shape
    for l, T in enumerate(levels):
        s = 2**l
        pairs = X.reshape(n // (2 * s), 2, s, k)
        X = torch.einsum("abgs,gbsk->gask", T, pairs).reshape(n, k)
    return X


def mfac_torch(G, g, damping):
    m, _ = G.shape
    G[0] = g
    GGt = G @ g
    A = torch.eye(m, device=G.device) * (1 + damping * m)
    c = torch.linalg.solve(A, GGt)
    return (g - G.T @ c) / damping


def prepared(w):
    kind, device, n, k = w["kind"], w["device"], w["n"], w.get("k", 0)
    if device == "numpy":
        if np is None:
            return None
        if kind == "rsvd":
            g = np.random.default_rng(0).standard_normal
            A = g((n, k)) @ g((k, n)) + 0.1 * g((n, n))
            return lambda: sketched_svd(A, k)
        X = np.random.default_rng(0).standard_normal((n, w["d"]))
        return lambda: nystrom_numpy(X, k)
    if torch is None or (device == "cuda" and not torch.cuda.is_available()):
        return None
    r = lambda *shape: torch.randn(*shape, device=device)
    if kind == "gemm":
        A, B = r(n, n), r(n, n)
        return lambda: A @ B
    if kind in ("thin", "thinT"):
        A = r(n, w["d"])
        X = r(n if kind == "thinT" else w["d"], k)
        # Ten at a time, as ours are: waiting for the device does not count.
        return ((lambda: [A.T @ X for _ in range(10)]) if kind == "thinT" else (lambda: [A @ X for _ in range(10)])), 10
    if kind == "rsvdResident":
        A = r(n, k) @ r(k, n) + 0.1 * r(n, n)
        return lambda: [x.cpu() for x in torch.svd_lowrank(A, q=k + 10, niter=2)]
    if kind == "rsvd":
        # From host to host, as ours is.
        A = torch.randn(n, k) @ torch.randn(k, n) + 0.1 * torch.randn(n, n)
        return lambda: [x.cpu() for x in torch.svd_lowrank(A.to(device), q=k + 10, niter=2)]
    if kind == "nystrom":
        X = r(n, w["d"])
        return lambda: nystrom_torch(X, k)
    if kind == "butterfly":
        levels = [r(2, 2, n // (2 * 2**l), 2**l) for l in range(int(math.log2(n)))]
        X = torch.randn(n, k)
        return lambda: butterfly_torch(levels, X.to(device)).cpu()
    G, g = r(k, n), torch.randn(n)
    return lambda: mfac_torch(G, g.to(device), 1e-3).cpu()


def seconds(work, rounds):
    run = prepared(work)
    if run is None:
        return None
    run, turns = run if isinstance(run, tuple) else (run, 1)
    sync = torch.cuda.synchronize if work["device"] == "cuda" else lambda: None
    run()
    best = math.inf
    for _ in range(rounds):
        sync()
        start = time.perf_counter()
        run()
        sync()
        best = min(best, (time.perf_counter() - start) / turns)
    return best


print(
    json.dumps(
        {
            "numpy": np and np.__version__,
            "torch": torch and torch.__version__,
            "card": torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None,
        }
    ),
    flush=True,
)
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"seconds": seconds(request["work"], request["rounds"])}), flush=True)
