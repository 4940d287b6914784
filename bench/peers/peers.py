"""PyTorch and JAX on the dense workloads: all usual formulations, values compared with jacrow's Z.

usage: peers.py FOLDER THREADS   (FOLDER holds X.npy, Z.npy, w0.npy, b0.npy, ...); prints one JSON object a line.
"""

import json
import os
import sys
import time

folder, threads = sys.argv[1], int(sys.argv[2])
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(threads)
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} intra_op_parallelism_threads={threads}"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

import numpy as np

X, Z = np.load(f"{folder}/X.npy"), np.load(f"{folder}/Z.npy")
layers = []
while os.path.exists(f"{folder}/w{len(layers)}.npy"):
    layers.append((np.load(f"{folder}/w{len(layers)}.npy"), np.load(f"{folder}/b{len(layers)}.npy")))


def measure(subject, call, value):
    start = time.perf_counter()
    result = value(call())
    first = time.perf_counter() - start
    error = float(np.abs(result - Z).max() / np.abs(Z).max())
    times, end = [], time.perf_counter() + 1.0
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 2000):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    times = sorted(times[len(times) // 10:])
    print(json.dumps({"subject": subject, "ms": times[len(times) // 2] * 1e3, "min_ms": times[0] * 1e3, "first_call_ms": first * 1e3, "error": error}), flush=True)


def bench_torch():
    import torch

    torch.set_num_threads(threads)
    parameters = [(torch.from_numpy(w), torch.from_numpy(b)) for w, b in layers]

    def network(x):
        for w, b in parameters[:-1]:
            x = torch.tanh(torch.nn.functional.linear(x, w, b))
        return torch.nn.functional.linear(x, *parameters[-1])

    x = torch.from_numpy(X)

    def loop():
        leaf = x.clone().requires_grad_(True)
        y = network(leaf)
        return torch.stack([torch.autograd.grad(y[:, j].sum(), leaf, retain_graph=True)[0] for j in range(y.shape[1])], 1)

    def summed():
        return torch.autograd.functional.jacobian(lambda rows: network(rows).sum(0), x, vectorize=True).movedim(1, 0)

    ways = {
        "PyTorch vmap(jacrev)": lambda: torch.func.vmap(torch.func.jacrev(network))(x),
        "PyTorch vmap(jacfwd)": lambda: torch.func.vmap(torch.func.jacfwd(network))(x),
        "PyTorch jacobian(sum)": summed,
        "PyTorch loop of grad": loop,
    }
    for name, call in ways.items():
        measure(name, call, lambda z: z.detach().numpy())


def bench_jax():
    import jax
    import jax.numpy as jnp

    parameters = [(jnp.asarray(w), jnp.asarray(b)) for w, b in layers]

    def network(x):
        for w, b in parameters[:-1]:
            x = jnp.tanh(w @ x + b)
        return parameters[-1][0] @ x + parameters[-1][1]

    x = jnp.asarray(X)
    for name, mode in {"JAX jit(vmap(jacrev))": jax.jacrev, "JAX jit(vmap(jacfwd))": jax.jacfwd}.items():
        f = jax.jit(jax.vmap(mode(network)))
        measure(name, lambda: f(x).block_until_ready(), np.asarray)


for bench in (bench_torch, bench_jax):
    try:
        bench()
    except ImportError as missing:
        print(json.dumps({"missing": str(missing)}), flush=True)
