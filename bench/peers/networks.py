"""PyTorch and JAX on the networks suite: all usual formulations, values compared with jacrow's Z.

usage: networks.py FOLDER THREADS KIND   (FOLDER holds X.npy, Z.npy and the weights by name); prints one JSON object a line.
"""

import json
import os
import sys
import time

folder, threads, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(threads)
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} intra_op_parallelism_threads={threads}"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

import numpy as np

X, Z = np.load(f"{folder}/X.npy"), np.load(f"{folder}/Z.npy")
weights = {name[:-4]: np.load(f"{folder}/{name}") for name in os.listdir(folder) if name.endswith(".npy") and name not in ("X.npy", "Z.npy")}
BUDGET = 1.0
# Forward mode through images takes minutes and tens of gigabytes: it is no contender.
MOST_TANGENTS = 2000


def measure(subject, call, value):
    start = time.perf_counter()
    try:
        result = value(call())
    except Exception as failure:
        print(json.dumps({"missing": f"{subject}: {type(failure).__name__} {str(failure)[:120]}"}), flush=True)
        return
    first = time.perf_counter() - start
    error = float(np.abs(result.reshape(Z.shape) - Z).max() / np.abs(Z).max())
    del result
    times, end = [], time.perf_counter() + BUDGET
    while len(times) < (5 if first < BUDGET else 2) or (time.perf_counter() < end and len(times) < 2000):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    times = sorted(times)
    print(json.dumps({"subject": subject, "ms": times[len(times) // 2] * 1e3, "min_ms": times[0] * 1e3, "first_call_ms": first * 1e3, "error": error}), flush=True)


def bench_torch():
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    w = {name: torch.from_numpy(array) for name, array in weights.items()}

    def cnn_relu(x):
        x = F.max_pool2d(F.relu(F.conv2d(x, w["c0"], w["b0"].flatten(), padding=1)), 2)
        x = F.max_pool2d(F.relu(F.conv2d(x, w["c1"], w["b1"].flatten(), padding=1)), 2)
        return F.linear(F.relu(F.conv2d(x, w["c2"], w["b2"].flatten(), padding=1)).flatten(-3), w["head"], w["bias"])

    def cnn_tanh(x):
        x = torch.tanh(F.conv2d(x, w["c0"], w["b0"].flatten(), padding=1, stride=2))
        x = torch.tanh(F.conv2d(x, w["c1"], w["b1"].flatten(), padding=1))
        return F.linear(torch.tanh(F.conv2d(x, w["c2"], w["b2"].flatten(), padding=1, stride=2)).flatten(-3), w["head"], w["bias"])

    def attention(x):
        heads, width = 4, x.shape[-1]
        split = lambda name: F.linear(x, w[name]).unflatten(-1, (heads, -1)).transpose(-3, -2)
        weight = torch.softmax(split("q") @ split("k").transpose(-2, -1) / (width // heads) ** 0.5, -1)
        mixed = (weight @ split("v")).transpose(-3, -2).flatten(-2)
        h = F.layer_norm(x + F.linear(mixed, w["o"]), (width,))
        return F.layer_norm(h + F.linear(F.gelu(F.linear(h, w["up"])), w["down"]), (width,))

    def attention_pooled(x):
        return F.linear(attention(x).mean(-2), w["head"])

    def matrices(x):
        parts = x.unbind(-3)
        product = parts[0]
        for part in parts[1:]:
            product = product @ part
        return product

    def residual(x):
        h = F.linear(x, w["first"])
        for block in range(sum(name[0] == "v" for name in w)):
            h = h + F.linear(torch.tanh(F.linear(h, w[f"v{block}"])), w[f"w{block}"])
        return F.linear(h, w["last"])

    network = locals()[kind]
    x = torch.from_numpy(X)

    def loop():
        leaf = x.clone().requires_grad_(True)
        y = network(leaf).flatten(1)
        return torch.stack([torch.autograd.grad(y[:, j].sum(), leaf, retain_graph=True)[0] for j in range(y.shape[1])], 1)

    ways = {
        "PyTorch vmap(jacrev)": lambda: torch.func.vmap(torch.func.jacrev(network))(x),
        "PyTorch vmap(jacfwd)": lambda: torch.func.vmap(torch.func.jacfwd(network))(x),
        "PyTorch loop of grad": loop,
    }
    if X[0].size > MOST_TANGENTS:
        del ways["PyTorch vmap(jacfwd)"]
    for name, call in ways.items():
        measure(name, call, lambda z: z.detach().numpy())


def bench_jax():
    import jax
    import jax.numpy as jnp
    from jax import lax

    w = {name: jnp.asarray(array) for name, array in weights.items()}

    def conv(x, name, stride):
        return lax.conv_general_dilated(x[None], w[name], (stride, stride), [(1, 1), (1, 1)])[0] + w["b" + name[1:]]

    def pool(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2), (1, 2, 2), "VALID")

    def cnn_relu(x):
        x = pool(jax.nn.relu(conv(x, "c0", 1)))
        x = pool(jax.nn.relu(conv(x, "c1", 1)))
        return w["head"] @ jax.nn.relu(conv(x, "c2", 1)).ravel() + w["bias"]

    def cnn_tanh(x):
        x = jnp.tanh(conv(x, "c0", 2))
        x = jnp.tanh(conv(x, "c1", 1))
        return w["head"] @ jnp.tanh(conv(x, "c2", 2)).ravel() + w["bias"]

    def norm(x):
        centred = x - x.mean(-1, keepdims=True)
        return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)

    def attention(x):
        heads, width = 4, x.shape[-1]
        split = lambda name: (x @ w[name].T).reshape(x.shape[0], heads, -1)
        scores = jnp.einsum("thc,shc->hts", split("q"), split("k")) / (width // heads) ** 0.5
        mixed = jnp.einsum("hts,shc->thc", jax.nn.softmax(scores, -1), split("v")).reshape(x.shape)
        h = norm(x + mixed @ w["o"].T)
        return norm(h + jax.nn.gelu(h @ w["up"].T, approximate=False) @ w["down"].T)

    def attention_pooled(x):
        return w["head"] @ attention(x).mean(0)

    def matrices(x):
        product = x[0]
        for index in range(1, x.shape[0]):
            product = product @ x[index]
        return product

    def residual(x):
        h = w["first"] @ x
        for block in range(sum(name[0] == "v" for name in w)):
            h = h + w[f"w{block}"] @ jnp.tanh(w[f"v{block}"] @ h)
        return w["last"] @ h

    network = locals()[kind]
    x = jnp.asarray(X)
    ways = {"JAX jit(vmap(jacrev))": jax.jacrev, "JAX jit(vmap(jacfwd))": jax.jacfwd}
    if X[0].size > MOST_TANGENTS:
        del ways["JAX jit(vmap(jacfwd))"]
    for name, mode in ways.items():
        f = jax.jit(jax.vmap(mode(network)))
        measure(name, lambda: f(x).block_until_ready(), np.asarray)


for bench in (bench_torch, bench_jax):
    try:
        bench()
    except ImportError as missing:
        print(json.dumps({"missing": str(missing)}), flush=True)
